"""A simulated plant: a tank farm and a pump as a real OPC UA server, with faults on demand."""
