package kafka

import (
	"context"
	"errors"

	"github.com/segmentio/kafka-go"
)

// Evict removes all members from a group, as the coordinator does to those that are silent for too long.
func (c *Cluster) Evict(ctx context.Context, group string) error {
	groups, err := c.client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
	if err != nil {
		return err
	}
	req := &kafka.LeaveGroupRequest{GroupID: group}
	for _, m := range groups.Groups[0].Members {
		req.Members = append(req.Members, kafka.LeaveGroupRequestMember{ID: m.MemberID})
	}
	res, err := c.client.LeaveGroup(ctx, req)
	if err == nil && len(res.Members) == 0 {
		err = errors.New("no member to evict")
	}
	return err
}
