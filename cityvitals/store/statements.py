"""SQL text, split into its statements."""

import re
from typing import Final

_TOKEN: Final = re.compile(
    r"""--[^\n]*                                   # a comment
      | /\*.*?\*/
      | '(?:[^']|'')*'                             # a text
      | "(?:[^"]|"")*"                             # a quoted name
      | \$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$     # a text between dollars
      | ;
      | [^-/'"$;]+ | .""",
    re.VERBOSE | re.DOTALL,
)


def split(sql: str) -> list[str]:
    """The statements of a script, each with the comments before it; without the semicolons.

    Texts with backslash escapes (`E'…'`) and comments in comments are not understood; our files
    have none.
    """
    found, current, has_words = [], "", False
    for match in _TOKEN.finditer(sql):
        part = match.group()
        if part == ";":
            if has_words:
                found.append(current.strip())
            current, has_words = "", False
            continue
        current += part
        has_words = has_words or not (part.isspace() or part.startswith(("--", "/*")))
    if has_words:
        found.append(current.strip())
    return found


def without_comments(sql: str) -> str:
    """A statement in one line and lower case, without its comments."""
    kept = "".join(
        " " if match.group().startswith(("--", "/*")) else match.group()
        for match in _TOKEN.finditer(sql)
    )
    return " ".join(kept.lower().split())
