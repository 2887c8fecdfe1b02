"""What happens at each hop of a login: the facts are put together there, and the rules are asked."""
