"""How far a text is from its truth."""


def character_error_rate(text, truth):
    """Edits per character of the truth, runs of white space counted as one space."""
    text, truth = " ".join(text.split()), " ".join(truth.split())
    return edits(text, truth) / len(truth)


def edits(first, second):
    """Insertions, deletions and replacements that make one text the other (Levenshtein)."""
    row = list(range(len(second) + 1))
    for count, character in enumerate(first, 1):
        diagonal, row[0] = row[0], count
        for index, other in enumerate(second, 1):
            diagonal, row[index] = row[index], min(row[index] + 1, row[index - 1] + 1, diagonal + (character != other))
    return row[-1]
