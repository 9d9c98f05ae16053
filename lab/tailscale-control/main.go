// A control server for tailscaled in the lab: the one of Tailscale's own tests, with the relay that it is told.
package main

import (
	"flag"
	"log"
	"net/http"

	"tailscale.com/tailcfg"
	"tailscale.com/tstest/integration/testcontrol"
	"tailscale.com/types/logger"
)

func main() {
	listen := flag.String("listen", "", "ADDRESS:PORT of this server")
	relay := flag.String("relay", "", "address of the only relay, a derper that speaks HTTP")
	relayPort := flag.Int("relay-port", 0, "its port")
	flag.Parse()

	node := &tailcfg.DERPNode{Name: "1a", RegionID: 1, HostName: *relay, IPv4: *relay, IPv6: "none", DERPPort: *relayPort, STUNPort: -1}
	region := &tailcfg.DERPRegion{RegionID: 1, RegionCode: "lab", RegionName: "lab", Nodes: []*tailcfg.DERPNode{node}}
	control := &testcontrol.Server{
		Logf:             logger.Discard,
		DERPMap:          &tailcfg.DERPMap{Regions: map[int]*tailcfg.DERPRegion{1: region}},
		ExplicitBaseURL:  "http://" + *listen,
		AllNodesSameUser: true,
		AllOnline:        true,
	}
	log.Fatal(http.ListenAndServe(*listen, control))
}
