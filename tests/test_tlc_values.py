"""TLA+ values: what TLC prints is read back, whatever it is made of."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recorded import recorded
from verify.tlc.errors import TlcOutputError
from verify.tlc.values import MAX_DEPTH, MAX_INTERVAL, Function, Model, Value, parse_state, parse_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-12", -12),
        ("TRUE", True),
        ("FALSE", False),
        ("t1", Model("t1")),
        ("2nd", Model("2nd")),
        ('""', ""),
        (r'"a \"b\" \\n \n \t"', 'a "b" \\n \n \t'),
        ("{}", frozenset()),
        ("<<>>", ()),
        ("{1, 2,\n  3}", frozenset({1, 2, 3})),
        ("-1..1", frozenset({-1, 0, 1})),
        ("5..4", frozenset()),
        ("{{}, {a}}", frozenset({frozenset(), frozenset({Model("a")})})),
        ('<<1, <<"x">>>>', (1, ("x",))),
        ("[at |-> 1, by |-> {t}]", Function({"at": 1, "by": frozenset({Model("t")})})),
        ("(t1 :> 1)", Function({Model("t1"): 1})),
        (
            "( <<t1, 1>> :> TRUE @@\n  {} :> [a |-> <<>>] )",
            Function({(Model("t1"), 1): True, frozenset(): Function({"a": ()})}),
        ),
    ],
)
def test_a_value_is_read(text: str, value: Value) -> None:
    found = parse_value(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 2",
        "{1",
        "{1,}",
        "<<1>",
        "[a = 1]",
        "[]",
        "()",
        "(1)",
        '"open',
        "SUBSET {1}",
        "1..t",
        "a |-> 1",
        "\\",
        "-",
        "1" * 5000,
    ],
)
def test_what_is_no_value_is_an_error(text: str) -> None:
    with pytest.raises(TlcOutputError):
        parse_value(text)


def test_depth_and_size_are_bounded() -> None:
    assert parse_value("{" * (MAX_DEPTH - 1) + "1" + "}" * (MAX_DEPTH - 1))
    with pytest.raises(TlcOutputError, match="in each other"):
        parse_value("{" * 100_000)
    with pytest.raises(TlcOutputError, match="interval"):
        parse_value(f"0..{MAX_INTERVAL + 1}")


def test_a_state_is_read_with_one_variable_or_many() -> None:
    assert parse_state("x = 1\n", {}) == {"x": 1}
    assert parse_state('/\\ x = "/\\\\ z = 2"\n/\\ y = ( 1 :> 2 @@\n  3 :> 4 )\n', {}) == {
        "x": "/\\ z = 2",
        "y": Function({1: 2, 3: 4}),
    }
    for wrong in ("x", "/\\ x 1", "/\\ 3 = 3", "x = 1 y = 2"):
        with pytest.raises(TlcOutputError):
            parse_state(wrong, {})


def test_values_that_were_seen_are_not_read_again() -> None:
    known: dict[str, Value] = {"1": 2}
    assert parse_state("/\\ x = 1\n/\\ y = 3", known) == {"x": 2, "y": 3}
    assert known["3"] == 3


def test_functions_are_equal_by_what_they_do() -> None:
    one, other = Function({"a": 1, "b": 2}), Function({"b": 2, "a": 1})
    assert one == other
    assert hash(one) == hash(other)
    assert one != Function({"a": 1})
    assert repr(Function({"a": 1})) == "Function({'a': 1})"
    assert len({one, other}) == 1
    assert (list(one), len(one), one["b"]) == (["a", "b"], 2, 2)


def test_values_of_every_kind_as_tlc_printed_them() -> None:
    """The state of `Values.tla`, in its recorded run."""
    state: Mapping[str, object] = recorded("values").violations[0].trace[0].values
    a, b1, c = Model("a"), Model("b1"), Model("_c")
    assert state["atoms"] == (-1, 0, True, False, "", a, b1, c)
    assert state["text"] == (
        "two\nlines",
        '"q"',
        "back\\slash",
        "\ttab",
        "/\\ text = 3",
        "@!@!@STARTMSG 2193:0 @!@!@",
        "(1 :> 2)",
    )
    assert state["sets"] == tuple(
        map(frozenset, ((), (a,), (1, 2, 3), range(-2, 3), (), (frozenset(), frozenset({frozenset()})), range(1, 41)))
    )
    assert state["tuples"] == ((), (1,), ((), (a, "x")))
    assert state["records"] == {"one": 1, "two": {"three": (4,)}}
    assert state["functions"] == (
        {a: 1, b1: 2},
        ("x", "y"),
        {0: "x"},
        {"key": 1},
        {"no key": 1},
        {(a, 1): True},
        {frozenset(): frozenset()},
    )
    assert state["deep"] == {
        p: {
            q: {"long_field_name": p, "another_field": frozenset({q, q + 1}), "text": "some text that is long"}
            for q in range(4)
        }
        for p in (a, b1, c)
    }


# ---- printed and read back -----------------------------------------------------------------------

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True).filter(lambda name: name not in {"TRUE", "FALSE"})
ATOMS: st.SearchStrategy[Value] = st.one_of(
    st.booleans(), st.integers(-(2**31), 2**31 - 1), st.text(st.characters(codec="utf-8")), st.builds(Model, NAMES)
)
ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\f": "\\f"})
GAPS = ("", " ", "\n  ")


def functions(values: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    """Functions that TLC does not print as sequences."""
    keys: st.SearchStrategy[Value] = st.one_of(st.integers(-9, 0), st.text(max_size=3), NAMES, st.builds(Model, NAMES))
    return st.dictionaries(keys, values, min_size=1, max_size=3).map(Function)


VALUES: st.SearchStrategy[Value] = st.recursive(
    ATOMS,
    lambda values: st.one_of(
        st.frozensets(values, max_size=3),
        st.lists(values, max_size=3).map(tuple),
        functions(values),
    ),
    max_leaves=8,
)


def shown(value: Value, gap: str) -> str:
    """A value in TLC's way; sets and functions in the order of their texts, lines broken where it breaks them."""
    match value:
        case bool():
            return str(value).upper()
        case int():
            return str(value)
        case str():
            return f'"{value.translate(ESCAPES)}"'
        case Model(name):
            return name
        case tuple():
            return f"<<{gap}{f',{gap}'.join(shown(item, gap) for item in value)}{gap}>>"
        case frozenset():
            return f"{{{gap}{f',{gap}'.join(sorted(shown(item, gap) for item in value))}{gap}}}"
        case Function() if all(isinstance(key, str) and key.isascii() and key.isidentifier() for key in value):
            return f"[{f',{gap}'.join(sorted(f'{key} |-> {shown(value[key], gap)}' for key in value))}]"
        case Function():
            pairs = sorted(f"{shown(key, gap)} :> {shown(value[key], gap)}" for key in value)
            return f"({gap}{f' @@{gap}'.join(pairs)}{gap})"


@given(VALUES, st.sampled_from(GAPS))
def test_a_value_that_is_printed_is_read_back(value: Value, gap: str) -> None:
    text = shown(value, gap)
    found = parse_value(text)
    assert found == value
    assert shown(found, gap) == text  # so that 1 is not TRUE


@given(st.text(alphabet='{}<>[]()|-:@., \n"\\/a1TRUE=', max_size=40))
def test_any_text_is_a_value_or_an_error(text: str) -> None:
    try:
        value = parse_value(text)
    except TlcOutputError:
        return
    assert parse_value(shown(value, " ")) == value
