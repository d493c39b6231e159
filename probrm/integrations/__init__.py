"""A run's reward inside trainers: the functions that they call, in the forms that they publish. None of them is imported here."""
