"""The reports' figures as JSON, and each of their tables as a CSV file."""

import csv
import io
import re
from datetime import date

from django.http import HttpResponse
from rest_framework.exceptions import NotFound
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents_app.api.base import LoginCookie
from agents_app.reporting import PeriodInput, readable_tenants, reporter
from sessions_app.api import succeed
from sessions_app.reports import Report, Table

# What a spreadsheet would calculate: some of them read the full-width signs, too, and skip what cannot be seen.
_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


class MayReadReports(BasePermission):
    message = "Reports are for supervisors and admins."

    def has_permission(self, request: Request, view: "StatsView") -> bool:
        view.tenants = readable_tenants(request.user)
        return request.user.is_authenticated and view.tenants.exists()


class StatsView(APIView):
    authentication_classes = (LoginCookie,)
    permission_classes = (MayReadReports,)

    def get(self, request: Request) -> Response:
        values = self.period(request)
        return succeed(
            {
                "start": values["start"].isoformat(),
                "end": values["end"].isoformat(),
                "timezone": values["timezone"],
                "reports": {report.name: as_json(report) for report in reporter(values, self.tenants).reports()},
            }
        )

    def period(self, request: Request) -> dict[str, object]:
        asked = PeriodInput(data=request.query_params, context={"tenants": self.tenants})
        asked.is_valid(raise_exception=True)
        return asked.validated_data


class TableView(StatsView):
    def get(self, request: Request, name: str) -> HttpResponse:
        values = self.period(request)
        table = reporter(values, self.tenants).table(name)
        if table is None:
            raise NotFound
        response = HttpResponse(as_csv(table), content_type="text/csv; charset=utf-8")
        file = f"{name}_{values['start']}_{values['end']}.csv"
        response["Content-Disposition"] = f'attachment; filename="{file}"'
        response["X-Content-Type-Options"] = "nosniff"
        return response


def as_json(report: Report) -> dict[str, object]:
    names = [[column.name for column in table.columns] for table in report.tables]
    return {
        "figures": {figure.name: figure.value for figure in report.figures},
        "tables": {
            table.name: [dict(zip(columns, map(_plain, row), strict=True)) for row in table.rows]
            for columns, table in zip(names, report.tables, strict=True)
        },
    }


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def as_csv(table: Table) -> str:
    """Safe to open in a spreadsheet, and the same again when it is read back but for the apostrophe before what would
    be a formula. The mark at its beginning tells Excel that it is UTF-8."""
    output = io.StringIO()
    # Every text is quoted, so that those with a semicolon stay whole where that is what separates cells.
    writer = csv.writer(output, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow([column.name for column in table.columns])
    for row in table.rows:
        writer.writerow([_cell(value) for value in row])
    return "\ufeff" + output.getvalue()


def _cell(value: object) -> object:
    text = "" if value is None else str(_plain(value))
    if isinstance(value, int | float):
        return value
    return f"'{text}" if _FORMULA.match(text) else text
