"""Pictures as handed in become one form under a policy, remembered between runs."""
