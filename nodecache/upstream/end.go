package upstream

import "time"

// end closes the connection, once, and tells its calls, which ask elsewhere. Until the server has
// room for another one it takes queries: what comes this late is asked again like the rest.
func (c *conn) end(op string, err error) {
	if c.ending.Swap(true) {
		return
	}
	c.close()
	why := &opError{op, c.server.Endpoint, err}
	c.server.gone(c, why)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready.Broadcast()
	byServer := op == "read" && err != errGarbage
	if byServer && c.said > 0 && c.owes() {
		c.server.allowance.closed(c.said, c.opened, c.server.forward.now())
	}
	how := c.loss(byServer)
	for _, s := range c.slots {
		if s.call != nil {
			s.call.lose(s.ask, why, how)
		}
	}
	clear(c.slots)
	c.queue, c.live = nil, 0
}

// loss returns how the end of the connection, which is the server's work or ours, ends what was
// asked on it.
func (c *conn) loss(byServer bool) loss {
	switch {
	case c.said > 0:
		return cut
	case byServer:
		return mute
	}
	return failed
}

// close wakes whoever dials, reads or writes. It closes the network's end without the lock: TLS
// may take its time to say goodbye.
func (c *conn) close() {
	c.mu.Lock()
	nc := c.nc
	if c.cancel != nil {
		c.cancel()
	}
	c.mu.Unlock()
	if nc != nil {
		nc.Close()
	}
}

// dead returns since when a server that closed, or has to be closed, did not do its part:
// it took queries and never said a word on this connection, or none for too long.
func (c *conn) dead(now time.Duration) (since time.Duration, dead bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unheard == 0 {
		return 0, false
	}
	return c.unheard, c.said == 0 || now-c.unheard > c.patience()
}
