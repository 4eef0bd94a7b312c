---- MODULE Values ----
(* A state with values of every kind, printed because it violates `Never`. *)
EXTENDS Integers, Sequences, TLC
CONSTANTS a, b1, _c
VARIABLES atoms, text, sets, tuples, records, functions, deep
vars == <<atoms, text, sets, tuples, records, functions, deep>>
Init ==
    /\ atoms = <<-1, 0, TRUE, FALSE, "", a, b1, _c>>
    /\ text = <<"two\nlines", "\"q\"", "back\\slash", "\ttab", "/\\ text = 3", "@!@!@STARTMSG 2193:0 @!@!@", "(1 :> 2)">>
    /\ sets = <<{}, {a}, {3, 1, 2}, -2..2, 5..4, {{}, {{}}}, 1..40>>
    /\ tuples = <<<<>>, <<1>>, <<<<>>, <<a, "x">>>>>>
    /\ records = [one |-> 1, two |-> [three |-> <<4>>]]
    /\ functions = <<a :> 1 @@ b1 :> 2, 1 :> "x" @@ 2 :> "y", 0 :> "x", "key" :> 1, "no key" :> 1, <<a, 1>> :> TRUE, {} :> {}>>
    /\ deep = [p \in {a, b1, _c} |-> [q \in 0..3 |-> [long_field_name |-> p, another_field |-> {q, q + 1}, text |-> "some text that is long"]]]
Next == UNCHANGED vars
Never == atoms = <<>>
====
