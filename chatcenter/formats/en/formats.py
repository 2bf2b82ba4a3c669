"""Times in the admin to the second: which of two things came first is what one looks for there."""

DATETIME_FORMAT = "Y-m-d H:i:s"
