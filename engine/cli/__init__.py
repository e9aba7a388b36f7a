"""The facade in a terminal. One file per group of commands; `main` finds the right one."""
