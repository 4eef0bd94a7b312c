"""What everything of a system is called in its C program: allowed, never twice, and never a name of the C library."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from verify.emit.places import KINDS, Key, actions_from, local_of, never_changes, places
from verify.instances import THREAD
from verify.ir import LIFE, PC, System


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KEYWORDS = _words("""
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while asm typeof
    bool true false constexpr nullptr alignas alignof thread_local typeof_unqual static_assert linux unix i386 errno
    assert stdin stdout stderr main
""")
# Functions and variables of every program.
FIXED = _words("""
    me to pc place low high value chosen begin run start check reset show go choose cell parked dispatch reach_error
    finished can_step quotient remainder_of shift_left shift_right sign has with without is_parked
""")
# What the headers declare with an underscore inside, as every name of a variable here has one.
LIBRARY = _words("""
    aligned_alloc arc4random_buf arc4random_uniform asctime_r assert_perror at_quick_exit blkcnt_t blksize_t caddr_t
    canonicalize_file_name clearerr_unlocked comparison_fn_t cpu_set_t ctime_r daddr_t dev_t div_t drand48_data
    drand48_r ecvt_r end_ptr erand48_r explicit_bzero fcvt_r fd_mask fd_set fds_bits feof_unlocked ferror_unlocked
    fflush_unlocked fgetc_unlocked fgets_unlocked fileno_unlocked fpos_t fputc_unlocked fputs_unlocked fread_unlocked
    fsid_t fwrite_unlocked getc_unlocked getchar_unlocked getdate_err getdate_r gid_t gmtime_r id_t initstate_r ino_t
    int16_t int32_t int64_t int8_t it_interval it_value jrand48_r key_t lcong48_r ldiv_t lgamma_r lldiv_t locale_t
    localtime_r loff_t lrand48_r mode_t mrand48_r nlink_t nrand48_r obstack_printf obstack_vprintf off_t on_exit
    open_memstream pid_t posix_memalign posix_openpt ptsname_r putc_unlocked putchar_unlocked qecvt_r qfcvt_r qsort_r
    quad_t quick_exit rand_deg rand_r rand_sep rand_type random_data random_r register_t secure_getenv seed48_r
    setstate_r sigset_t size_t srand48_r srandom_r ssize_t strcasecmp_l strcoll_l strerror_l strerror_r strftime_l
    strncasecmp_l strptime_l strtod_l strtof_l strtok_r strtol_l strtold_l strtoll_l strtoul_l strtoull_l strxfrm_l
    suseconds_t time_t timespec_get timespec_getres tmpnam_r tv_nsec tv_sec tv_usec u_char u_int u_long u_quad_t
    u_short uid_t useconds_t va_list wchar_t
""")
RISKY = re.compile(r"[A-Z0-9_]+|_.*|(pthread|sched|clock|timer|tm|sem|all|any|referenced|step|at|holds)_.*")


@dataclass(slots=True)
class Namer:
    """Hands out names, each once."""

    used: set[str] = field(default_factory=lambda: set(KEYWORDS | FIXED | LIBRARY))

    def name(self, wanted: str, *, own: bool = False) -> str:
        """The name, with a number if it is taken; `own` if its beginning is one of this program's own."""
        stem = identifier(wanted)
        stem = f"{stem}_" if not own and RISKY.fullmatch(stem) else stem
        chosen, number = stem, 2
        while chosen in self.used:
            chosen, number = f"{stem}_{number}", number + 1
        self.used.add(chosen)
        return chosen


@dataclass(frozen=True, slots=True)
class Names:
    """The identifiers of one program."""

    variables: Mapping[Key, str] = field(hash=False)  # PC among the locals, LIFE among the fields
    labels: Mapping[int, str] = field(hash=False)  # of every location that a thread can stand at
    namer: Namer = field(hash=False, compare=False)  # for what is named later

    def place(self, location: int) -> str:
        """The constant of a location; its number for one where nobody ever stands."""
        return f"at_{self.labels[location]}" if location in self.labels else str(location)

    def step(self, location: int) -> str:
        """The function of a location."""
        return f"step_{self.labels[location]}"


def names_of(system: System) -> Names:
    """Name everything in a system."""
    namer = Namer()
    variables = {key: "pc" if key == (THREAD, PC) else namer.name(_wanted(*key), own=True) for key in _keys(system)}
    return Names(variables, _labels(system), namer)


def identifier(text: str) -> str:
    """The text with nothing but letters, digits and underscores, a letter first."""
    found = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_") or "x"
    return found if found[0].isalpha() else f"x_{found}"


def _labels(system: System) -> Mapping[int, str]:
    """Labels have a name space of their own."""
    namer = Namer()
    leaving, steps = actions_from(system), Counter[str]()
    found = dict[int, str]()
    for number in sorted(places(system)):
        location = system.locations[number]
        if location.kind != "run":
            found[number] = namer.name(KINDS[location.kind], own=True)
            continue
        label = leaving[number][0].label if number in leaving else ""
        function = location.function or "step"
        if not label or ":" in label:
            steps[function] += 1
            label = f"{function}_{steps[function]}"
        found[number] = namer.name(label, own=True)
    return found


def _keys(system: System) -> Iterator[Key]:
    keys = [("", var.name) for var in system.globals]
    keys += [(cls.name, var.name) for cls in system.classes.values() for var in cls.fields]
    keys += [(THREAD, var.name) for var in system.locals]
    yield from (key for key in keys if key == (THREAD, PC) or not never_changes(system, key))


def _wanted(cell: str, name: str) -> str:
    if name == LIFE:
        return f"{_safe(cell)}_life"
    if cell == THREAD:
        function, rest = local_of(name)
        return f"{_safe(function or 'thread')}_{rest}"
    return f"{_safe(cell)}_{name}" if cell else f"g_{name}"


def _safe(stem: str) -> str:
    """A beginning of names, different from those that the library or this program has for other things."""
    found = identifier(stem)
    return f"{found}_of" if RISKY.fullmatch(f"{found}_x") else found
