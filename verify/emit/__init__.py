"""Systems in the languages of other tools, which share no code with the readers here."""
