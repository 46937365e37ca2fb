package turn

import "github.com/tollgate/tollgate/gateway-edge/policy"

// Room is where work of one kind is done.
type Room struct{ places chan struct{} }

// NewRoom makes a room for n at a time.
func NewRoom(n int) *Room { return &Room{make(chan struct{}, n)} }

// Line is one gateway's line before a room. As its head alone waits at the door,
// the lines take turns there, however long they are.
type Line struct {
	room *Room
	head chan struct{}
}

// Line makes a line of which n at a time may wait at the door, or be inside.
func (r *Room) Line(n int) *Line { return &Line{r, make(chan struct{}, n)} }

// Enter waits until there is room; Leave makes it again. False: the request ended
// first, and there is nothing to leave.
func (l *Line) Enter(b policy.Blocking) bool {
	if !enter(b, l.head) {
		return false
	}
	if !enter(b, l.room.places) {
		<-l.head
		return false
	}
	return true
}

// Leave makes room for the next one.
func (l *Line) Leave() {
	<-l.room.places
	<-l.head
}

func enter(b policy.Blocking, c chan struct{}) bool {
	select {
	case c <- struct{}{}:
		return true
	case <-b.Context().Done():
		return false
	}
}
