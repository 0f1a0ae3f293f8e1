"""Where the stages meet: the timetable, the processes, and what an operator asks and commands."""
