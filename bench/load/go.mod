module copier-gin.invalid/bench/load

go 1.26.0
