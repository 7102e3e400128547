"""Notes that people leave on tanks and units for whoever comes next, with a photo where that says more."""
