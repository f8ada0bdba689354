"""Pure rules and tables: scopes, roles, the policy, passwords."""
