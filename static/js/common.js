// Empty here. Where scripts are linked (hmi/screens/bundling) it holds the modules that several scripts share.
