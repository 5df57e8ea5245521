"""The wizard: a new cluster planned on the screen, checked as it is typed, shown whole before it is begun."""
