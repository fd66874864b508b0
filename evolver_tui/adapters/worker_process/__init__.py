"""Workers in processes of their own: the supervisor of one, and the channel between both."""
