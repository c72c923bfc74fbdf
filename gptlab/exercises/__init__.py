"""The checks behind "Try it": one module a chapter, one function an exercise, no solutions."""
