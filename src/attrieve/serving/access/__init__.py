"""Who may do what: roles, sign-in, limits, and what guards the browser."""
