// SPDX-License-Identifier: MIT
#include <array>

#include "command.hpp"

namespace statctl {

namespace {

constexpr std::array table{
    Command{"transports", "list the transports and what each can do",
            "statctl transports\n"
            "statctl -j transports",
            set_up_transports},
    Command{"sources", "list the sources of this network namespace",
            "statctl sources\n"
            "ip netns exec red statctl sources     a netdev source lives where its interface is",
            set_up_sources},
    Command{"source", "add or delete a source", "", set_up_source},
    Command{"set", "change parameters of a source", "statctl set sw0 pps=1000 mode=paced",
            set_up_set},
    Command{"schema", "describe the counters of a source",
            "statctl schema eth0\n"
            "statctl -j schema sw0",
            set_up_schema},
    Command{"get", "show counters once",
            "statctl get eth0 --nonzero\n"
            "statctl get sw0 --group port --instance 3 --field 'rx_*'\n"
            "statctl -t netlink -j get eth0 --max-age 1s",
            set_up_get},
    Command{"verify", "compare one snapshot over every transport, byte by byte",
            "statctl verify sw0\n"
            "statctl -j verify eth0",
            set_up_verify},
    Command{"watch", "show rates of counters, again and again",
            "statctl watch eth0 --interval 500ms\n"
            "statctl watch sw0 --group port --count 10 | tee rates.txt",
            set_up_watch},
    Command{
        "samples", "show or save sampled packets",
        "statctl samples eth0 --rate 1:100 --count 20\n"
        "statctl samples eth0 -w eth0.pcapng --seconds 10\n"
        "statctl samples eth0 -w - | wireshark -k -i -\n"
        "statctl -j samples eth0 | jq .summary\n"
        "statctl samples eth0 --overwrite --last 5     flight recorder: what was before Ctrl-C\n"
        "while it runs, the key t (or SIGUSR1) moves it to the next transport, without a loss",
        set_up_samples},
    Command{"monitor", "show events as they happen",
            "statctl monitor\n"
            "statctl -j monitor --seconds 60",
            set_up_monitor},
    Command{"ledger", "list channels, or account for the records of one",
            "statctl ledger        all channels\n"
            "statctl ledger 3      what became of the records of channel 3\n"
            "statctl ledger 3 --per-cpu",
            set_up_ledger},
    Command{"calibrate", "measure what the crossings of this machine cost, one by one",
            "statctl calibrate\n"
            "statctl calibrate --user-only --quick     neither the module nor root is needed\n"
            "statctl -j calibrate | jq '.primitives[] | {name, bytes, unit, value}'",
            set_up_calibrate},
    Command{"compare", "measure every transport side by side, with proof",
            "statctl compare --quick\n"
            "statctl compare --workload samples --transports mmap,netlink --out results",
            set_up_compare},
    Command{"advise", "say which transport to use, from what was measured here",
            "statctl advise --snapshot 1M --every 100ms --readers 3\n"
            "statctl advise --samples 20000 --size 128 --latency 20ms --no-loss",
            set_up_advise},
    Command{"report", "show results of compare again, of several runs side by side",
            "statctl report results\n"
            "statctl report before/results.pb after/results.pb\n"
            "statctl report before after --html page.html",
            set_up_report},
};

}  // namespace

std::span<const Command> commands() { return table; }

}  // namespace statctl
