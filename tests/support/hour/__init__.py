"""A scripted hour of a reviewer: what comes, who decides, and what is counted."""
