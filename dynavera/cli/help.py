"""Help texts in the style of manual pages: arguments in capitals, without braces and types."""

from typing import Any

from typer.core import TyperArgument, TyperCommand

_BRACES = str.maketrans("", "", "{}")


class Command(TyperCommand):
    """A command whose help names its arguments by their metavars."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The options and arguments in the usage line."""
        return [piece.translate(_BRACES) for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the lists of arguments and options."""
        arguments: list[tuple[str, str]] = []
        options: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if isinstance(parameter, TyperArgument):
                arguments.append((parameter.metavar or parameter.name, parameter.help or ""))
            elif record is not None:
                options.append(record)
        for title, rows in (("Arguments", arguments), ("Options", options)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
