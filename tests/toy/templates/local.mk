# Yours alone.
