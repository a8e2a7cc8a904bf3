"""The report: a trace as one HTML file that shows it, without Go, a server or a network.

::

    from flightrec.report import write_report

    with open("report.html", "wb") as file:
        write_report("snapshot.trace", file)

``flightrec report`` does the same. The page is built from ``report/`` in the sources and shipped as
``assets/report.html``; what is put into it is described in ``report/FORMAT.md``.
"""

from __future__ import annotations

from flightrec.report.write import REPORT_TABLES, write_report

__all__ = ["REPORT_TABLES", "write_report"]
