// Package drive runs the protocol machines of a device for those who own them. It hands
// frames to machines and carries out, in their order, the effects that machines ask for;
// it sees who is silent and repeats what may have been lost. What a machine is for, and
// what comes of it, its [Owner] knows.
package drive
