"""Operations of ``database/sql`` as regions of ``runtime/trace``, while something traces.

They belong to the task of the context that the program passes: a request's, with the overlay for
``net/http``. The regions are ``sql wait`` (for a connection), ``sql begin``, ``sql query`` and
``sql exec``; the text of a query is never part of a name.
"""

from __future__ import annotations

from flightrec.gobuild.overlays.patch import Overlay, Patch

__all__ = ["DATABASE_SQL"]

_FILE = "database/sql/sql.go"


def _region(name: str, function: str) -> Patch:
    return Patch(
        file=_FILE,
        text=function,
        instead=f'{function}\tdefer trace.StartRegion(ctx, "{name}").End()\n',
    )


DATABASE_SQL = Overlay(
    name="database/sql",
    purpose="database operations are no regions",
    patches=(
        Patch(
            file=_FILE,
            text='\t"runtime"\n',
            instead='\t"runtime"\n\t"runtime/trace"\n',
        ),
        _region(
            "sql wait",
            "func (db *DB) conn(ctx context.Context, strategy connReuseStrategy) "
            "(*driverConn, error) {\n",
        ),
        _region(
            "sql begin",
            "func (db *DB) beginDC(ctx context.Context, dc *driverConn, release func(error), "
            "opts *TxOptions) (tx *Tx, err error) {\n",
        ),
        _region(
            "sql query",
            "func (db *DB) queryDC(ctx, txctx context.Context, dc *driverConn, "
            "releaseConn func(error), query string, args []any) (*Rows, error) {\n",
        ),
        _region(
            "sql exec",
            "func (db *DB) execDC(ctx context.Context, dc *driverConn, release func(error), "
            "query string, args []any) (res Result, err error) {\n",
        ),
        _region(
            "sql query",
            "func rowsiFromStatement(ctx context.Context, ci driver.Conn, ds *driverStmt, "
            "args ...any) (driver.Rows, error) {\n",
        ),
        _region(
            "sql exec",
            "func resultFromStatement(ctx context.Context, ci driver.Conn, ds *driverStmt, "
            "args ...any) (Result, error) {\n",
        ),
    ),
)
