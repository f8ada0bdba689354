"""What administrators see: accounts, roles, connected applications. Every change asks the policy again and leaves a line."""
