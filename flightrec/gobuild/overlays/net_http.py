"""Requests of ``net/http`` as tasks and regions of ``runtime/trace``, while something traces.

A server's request becomes the task ``http GET /items/{id}``: method and route, never the path, the
query or the body. The route is the pattern of the ``ServeMux``; behind other routers and middleware
it is not known when the request begins, and the task is ``http GET``, with a region by the full
name if a ``ServeMux`` matches later. Methods come from clients, so only the known ones are named. A
client's round trip becomes the region ``http client GET host``.

All of HTTP/1 and 2 goes through one place, ``serverHandler.ServeHTTP``. The request's context is
changed in place: a copy of the request would lose its Pattern and the clean-up of its form.
"""

from __future__ import annotations

from flightrec.gobuild.overlays.patch import Overlay, Patch

__all__ = ["NET_HTTP"]

#: In ``runtime/trace``, so that the bridge need not import ``net/http`` for it.
_TRACE = """\
package trace

// FlightrecRequestEnded is called when a server has answered a request; status is below 0 where it
// is not known. start is from FlightrecMonotonic.
var (
	FlightrecRequestEnded func(name string, start int64, status int)
	FlightrecMonotonic    func() int64
)
"""

_HTTP = """\
package http

import (
	"context"
	"runtime/trace"
	"sync/atomic"
)

type flightrecKey struct{}

type flightrecRequest struct {
	method string
	route  atomic.Pointer[string] // a handler may run on another goroutine
}

func (r *flightrecRequest) name() string {
	if route := r.route.Load(); route != nil {
		return r.method + " " + *route
	}
	return r.method
}

func flightrecMethod(method string) string {
	switch method {
	case "":
		return "GET"
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE":
		return method
	}
	return "OTHER"
}

// flightrecRoute returns the pattern that matches, without its method.
func flightrecRoute(mux *ServeMux, req *Request) *string {
	var route string
	if use121 {
		_, route = mux.mux121.findHandler(req)
	} else {
		_, route, _, _ = mux.findHandler(req)
	}
	for i := range len(route) {
		if route[i] == ' ' || route[i] == '\\t' {
			for i < len(route) && (route[i] == ' ' || route[i] == '\\t') {
				i++
			}
			route = route[i:]
			break
		}
	}
	if route == "" {
		return nil
	}
	const longest = 1000 // the runtime cannot trace very long strings
	if len(route) > longest {
		route = route[:longest]
	}
	return &route
}

// flightrecServe serves a request as a task.
func flightrecServe(handler Handler, rw ResponseWriter, req *Request) {
	if !trace.IsEnabled() {
		handler.ServeHTTP(rw, req)
		return
	}
	record := &flightrecRequest{method: flightrecMethod(req.Method)}
	if mux, ok := handler.(*ServeMux); ok && mux != nil && req.RequestURI != "*" {
		record.route.Store(flightrecRoute(mux, req))
	}
	var start int64
	if trace.FlightrecMonotonic != nil {
		start = trace.FlightrecMonotonic()
	}
	ctx, task := trace.NewTask(req.Context(), "http "+record.name())
	req.ctx = context.WithValue(ctx, flightrecKey{}, record)
	returned := false
	defer func() {
		status := -1
		if returned {
			status = flightrecStatus(rw)
		}
		task.End()
		if trace.FlightrecRequestEnded != nil {
			trace.FlightrecRequestEnded(record.name(), start, status)
		}
	}()
	handler.ServeHTTP(rw, req)
	returned = true
}

// flightrecMatched serves a request that a ServeMux has matched, in a region if its task does not
// have the route.
func flightrecMatched(mux *ServeMux, handler Handler, rw ResponseWriter, req *Request) {
	if trace.IsEnabled() {
		record, ok := req.Context().Value(flightrecKey{}).(*flightrecRequest)
		if ok && record.route.Load() == nil {
			if route := flightrecRoute(mux, req); route != nil {
				record.route.Store(route)
				defer trace.StartRegion(req.Context(), "http "+record.name()).End()
			}
		}
	}
	handler.ServeHTTP(rw, req)
}

// flightrecStatus returns the status of an answer whose handler has returned, or -1.
func flightrecStatus(rw ResponseWriter) int {
	status := -1
	if response, ok := rw.(*response); ok {
		if response.conn.hijacked() {
			return -1
		}
		status = response.status
	} else {
		status = flightrecStatus2(rw)
	}
	if status == 0 { // nothing was written, which means this
		status = StatusOK
	}
	return status
}

// flightrecRoundTrip makes a client's request in a region.
func flightrecRoundTrip(t *Transport, req *Request) (*Response, error) {
	if !trace.IsEnabled() || req == nil || req.URL == nil {
		return t.roundTrip(req)
	}
	host := req.URL.Host
	if len(host) > 255 {
		host = host[:255]
	}
	name := "http client " + flightrecMethod(req.Method) + " " + host
	defer trace.StartRegion(req.Context(), name).End()
	return t.roundTrip(req)
}
"""

_HTTP2_BEFORE_127 = """\
//go:build !go1.27 && !nethttpomithttp2

package http

func flightrecStatus2(rw ResponseWriter) int {
	if writer, ok := rw.(*http2responseWriter); ok && writer.rws != nil {
		return writer.rws.status
	}
	return -1
}
"""

#: From Go 1.27 on HTTP/2 is a package of its own.
_HTTP2_FROM_127 = """\
//go:build go1.27 && !nethttpomithttp2

package http

func flightrecStatus2(rw ResponseWriter) int {
	if writer, ok := rw.(http2ResponseWriter); ok {
		return writer.FlightrecStatus()
	}
	return -1
}
"""

_HTTP2_PACKAGE = """\
//go:build go1.27

package http2

// FlightrecStatus returns the status of the answer, 0 if none was written, -1 if it is over.
func (w *ResponseWriter) FlightrecStatus() int {
	if w.rws == nil {
		return -1
	}
	return w.rws.status
}
"""

_NO_HTTP2 = """\
//go:build nethttpomithttp2

package http

func flightrecStatus2(ResponseWriter) int { return -1 }
"""

_OPTIONS = "\t\thandler = globalOptionsHandler{}\n\t}\n\n"
_SERVE = "\thandler.ServeHTTP(rw, req)\n"
_FOUND = "mux.findHandler(r)\n\t}\n"

NET_HTTP = Overlay(
    name="net/http",
    purpose="requests are no tasks, and the rules on http never fire",
    patches=(
        Patch(
            file="net/http/server.go",
            text=_OPTIONS + _SERVE,
            instead=f"{_OPTIONS}\tflightrecServe(handler, rw, req)\n",
        ),
        Patch(
            file="net/http/server.go",
            text=f"{_FOUND}\th.ServeHTTP(w, r)\n",
            instead=f"{_FOUND}\tflightrecMatched(mux, h, w, r)\n",
        ),
        Patch(
            file="net/http/roundtrip.go",
            text="\treturn t.roundTrip(req)\n",
            instead="\treturn flightrecRoundTrip(t, req)\n",
        ),
    ),
    files={
        "runtime/trace/zz_flightrec_http.go": _TRACE,
        "net/http/zz_flightrec.go": _HTTP,
        "net/http/zz_flightrec_http2_before.go": _HTTP2_BEFORE_127,
        "net/http/zz_flightrec_http2_go127.go": _HTTP2_FROM_127,
        "net/http/zz_flightrec_http2_omitted.go": _NO_HTTP2,
        "net/http/internal/http2/zz_flightrec.go": _HTTP2_PACKAGE,
    },
    install="""\
\ttrace.FlightrecRequestEnded, trace.FlightrecMonotonic = RequestEnded, Monotonic
""",
    imports=("runtime/trace",),
)
