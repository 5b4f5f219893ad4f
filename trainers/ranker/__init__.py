"""The ranker: a network and trees that begin at one linear sum, from the lists that listeners were shown."""
