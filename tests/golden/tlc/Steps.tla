---- MODULE Steps ----
(* A number that goes up and round, and may leave; questions that TLC answers in every way it has. *)
EXTENDS Integers, TLC
CONSTANTS Size, nobody
ASSUME Small == Size < 10
VARIABLES x, held
vars == <<x, held>>

Init == x = 0 /\ held = [owner |-> nobody]
Up == x < Size - 1 /\ x' = x + 1 /\ UNCHANGED held
Round == x = Size - 1 /\ x' = 0 /\ UNCHANGED held
Leave == x = 1 /\ x' = 20 /\ held' = [owner |-> "gone"]
Next == Up \/ Round
NextOrLeave == Next \/ Leave
Above == x' = x + 1 /\ UNCHANGED held
TwoStarts == x \in {0, 30} /\ held = [owner |-> nobody]

Spec == Init /\ [][Next]_vars /\ WF_vars(Next)
Idle == Init /\ [][Next]_vars

Fits == x >= 0
NotTwo == x # 2
NotTwoEither == x # 2
UnderThree == x < 3
NotZero == x # 0
Nonsense == x # 2 \/ held.owner + 1 = 2
Failing == Assert(x # 1, "one")
Quiet == PrintT(<<x, "two\nlines \"of\" text @!@!@STARTMSG 2193:0 @!@!@">>)

NoLeaving == [][x' # 20]_vars
Again == []<>(x = 2)
Settles == <>[](x = 2)
Absurd == <>(held.owner + 1 = 2)
====
