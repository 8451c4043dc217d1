module bench/rate

go 1.25
