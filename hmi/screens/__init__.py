"""What an operator looks at: pages, their presenters, and the app shell that a phone installs."""
