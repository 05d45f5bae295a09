"""Transfer learning from few labelled examples, with scores that can be believed."""
