"""The four measurements of a flower: their names, their columns in a table, their limits in centimetres."""

FEATURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
COLUMNS = ("SepalLengthCm", "SepalWidthCm", "PetalLengthCm", "PetalWidthCm")
SPECIES_COLUMN = "Species"
ID_COLUMN = "Id"

# A measurement is greater than 0 and at most this; the largest in Fisher's table is 7.9.
MAX_CENTIMETRES = 30.0
