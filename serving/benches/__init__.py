"""How quick lists are, made by the funnel and asked for over HTTP."""
