"""All attention that there is here: by which paper, how large, at what cost, and what it can be in a walk or beside."""
