module threadbare/chat

go 1.24
