package order

// Table is where orders are, for whoever follows its changes.
const Table = "orders"
