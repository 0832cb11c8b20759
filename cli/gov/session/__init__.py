"""What a session's state means for the next statement. Pure: `follow(state, message)`."""
