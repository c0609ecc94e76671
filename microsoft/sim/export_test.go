package sim

// SetDefenderPage makes the pages without $top small enough for a test.
func (s *Server) SetDefenderPage(n int) { s.defenderPage = n }
