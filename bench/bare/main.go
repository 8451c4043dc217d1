// Command bare answers the request that is measured with Gin and nothing else: what a service is compared with. It is
// built in the folder of a rendered service, with the same version of Gin.
package main

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

type order struct {
	ID        string    `json:"id"`
	SKU       string    `json:"sku"`
	Quantity  int       `json:"quantity"`
	Status    string    `json:"status"`
	Version   int64     `json:"version"`
	CreatedAt time.Time `json:"created_at"`
}

func main() {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	var mu sync.RWMutex
	orders := map[string]order{}
	router.GET("/readyz", func(c *gin.Context) { c.Status(http.StatusOK) })
	router.POST("/v1/orders", func(c *gin.Context) {
		var o order
		if err := c.ShouldBindJSON(&o); err != nil {
			c.Status(http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		o.ID, o.Status, o.Version = fmt.Sprintf("%026d", len(orders)), "placed", 1
		o.CreatedAt = time.Now().UTC().Truncate(time.Microsecond)
		orders[o.ID] = o
		c.JSON(http.StatusCreated, o)
	})
	router.GET("/v1/orders/:id", func(c *gin.Context) {
		mu.RLock()
		defer mu.RUnlock()
		o, found := orders[c.Param("id")]
		if !found {
			c.Status(http.StatusNotFound)
			return
		}
		c.JSON(http.StatusOK, o)
	})
	// In the format of the service's own metrics, as far as they are read.
	router.GET("/metrics", func(c *gin.Context) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		c.String(http.StatusOK, "go_memstats_mallocs_total %d\ngo_memstats_alloc_bytes_total %d\ngo_goroutines %d\n",
			m.Mallocs, m.TotalAlloc, runtime.NumGoroutine())
	})
	if err := router.Run("127.0.0.1:" + os.Getenv("HTTP_PORT")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
