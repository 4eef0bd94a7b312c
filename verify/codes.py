"""Every error code and what it means, in one table; `docs/language.md` prints it."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, str] = {
    # Reading files.
    "KC001": "a file cannot be read",
    "KC002": "a file is not UTF-8 text",
    "KC003": "the input is too large",
    "KC004": "the input nests too deeply",
    # Words.
    "KC010": "a character that no word of the language has",
    "KC011": "a comment or literal is not closed",
    "KC012": "not a number of the language",
    "KC013": "strings and character constants are not part of the language",
    # Directives and macros.
    "KC020": "an unknown or malformed directive",
    "KC021": "an included file is absent, or lies outside the folders that may be read",
    "KC022": "includes nest too deeply, or a file includes itself",
    "KC023": "a macro is defined twice, or defined wrongly",
    "KC024": "a macro is used with the wrong arguments",
    "KC025": "macros expand to too much text",
    "KC026": "`#if`, `#else` and `#endif` do not match",
    "KC027": "the condition of an `#if` is not an integer constant",
    "KC028": "an `#error` was reached",
    "KC029": "a definition on the command line is malformed",
    # Syntax.
    "KC030": "a word that cannot stand here",
    "KC031": "the file ends too early",
    "KC032": "an unknown type",
    "KC033": "type words that do not combine",
    "KC034": "arrays are not part of the language",
    "KC035": "a construct of C that is not part of the language",
    "KC036": "a struct as a value, where only a pointer to it may stand",
    "KC037": "a function pointer that is not a parameter, or one that takes arguments",
    "KC038": "a pointer to something that is not a struct, outside parameters",
    "KC039": "a variable, field or parameter of type `void`",
    "KC040": "a parameter of a function with a body has no name",
    "KC041": "a struct redefines a built-in lock type",
    "KC042": "an option is given twice",
    "KC043": "a `for` header declares more than one variable",
}
