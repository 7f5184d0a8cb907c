module threadbare/net

go 1.24
