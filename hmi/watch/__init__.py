"""What a person keeps an eye on: favourites on the start page, what was opened last, lists to watch."""
