// SPDX-License-Identifier: MIT
//
// The table in docs/security.md, cell by cell: each operation, by each way, as each of those whom
// the table knows, over every transport that goes this way. The expectations are read from there.
#include <fcntl.h>
#include <grp.h>
#include <linux/statchan.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>

#include "support/device.hpp"
#include "support/device_mode.hpp"
#include "support/process.hpp"
#include "support/raw_netlink.hpp"
#include "support/synth.hpp"
#include "support/transport.hpp"

using namespace lab;
using statchan::Capability;

namespace {

// ---- the table ----

struct Row {
    std::string operation;
    std::string by;
    std::map<std::string, std::string> cells;  // by whom: "yes" or "no"
};

std::vector<std::string> split(const std::string& line) {
    std::vector<std::string> cells;
    std::istringstream text{line};
    std::string cell;
    std::getline(text, cell, '|');  // before the first
    while (std::getline(text, cell, '|')) {
        const auto first = cell.find_first_not_of(' ');
        const auto last = cell.find_last_not_of(' ');
        cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
    }
    return cells;
}

std::vector<Row> table() {
    std::vector<Row> rows;
    std::ifstream file{STATCHAN_SECURITY_PAGE};
    std::string line;
    while (std::getline(file, line) && line.find("permission_table.cpp -->") == std::string::npos) {
    }
    std::vector<std::string> heads;
    while (std::getline(file, line) && line.starts_with("|")) {
        const auto cells = split(line);
        if (heads.empty()) heads = cells;
        if (cells.size() != heads.size() || cells[0] == heads[0] || cells[0].starts_with("--"))
            continue;
        Row row{.operation = cells[0], .by = cells[1], .cells = {}};
        for (std::size_t i = 2; i < cells.size(); ++i) row.cells[heads[i]] = cells[i];
        rows.push_back(std::move(row));
    }
    return rows;
}

// ---- who ----

constexpr gid_t device_group = 4242;
constexpr uid_t nobody = 65534;

bool become(std::vector<gid_t> groups) {
    return ::setgroups(groups.size(), groups.data()) == 0 &&
           ::setresgid(nobody, nobody, nobody) == 0 && ::setresuid(nobody, nobody, nobody) == 0;
}

/// How a child becomes somebody; and whether its network is its own.
struct Who {
    std::function<bool()> become;
    bool own_network = false;
};

const std::map<std::string, Who> people{
    {"root", {[] { return true; }}},
    {"device's group", {[] { return become({device_group}); }}},
    {"other user", {[] { return become({}); }}},
    {"user namespace, our network",
     {[] { return become({device_group}) && ::unshare(CLONE_NEWUSER) == 0; }}},
    {"user namespace, its own network",
     {[] { return become({device_group}) && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0; }, true}},
};

// ---- operations: "yes", "no", or what else is wrong ----

std::string of_errno(int err) {
    if (err == 0) return "yes";
    return err == EPERM || err == EACCES ? "no" : std::string{std::strerror(err)};
}

template <class T>
std::string of(const statchan::Result<T>& result) {
    if (result) return "yes";
    return result.error() == statchan::errc::permission_denied ? "no" : result.error().message();
}

std::string all_of(std::initializer_list<std::string> answers) {
    for (const auto& answer : answers)
        if (answer != *answers.begin()) return "not the same: " + *answers.begin() + ", " + answer;
    return *answers.begin();
}

/// What is done to, besides by whom.
struct Object {
    std::string source;
    std::uint32_t channel = 0;  // of somebody else; 0: there is none
    std::string by{};           // the row's way
    std::string relay_file{};   // of root's channel, for what goes by debugfs
};

using WithClient = std::function<std::string(statchan::Client&, const Object&)>;

std::string look(statchan::Client& client, const Object& object) {
    return all_of(
        {of(client.sources()), of(client.schema(object.source)), of(client.channels()),
         object.channel == 0 ? of(client.kernel_transports()) : of(client.ledger(object.channel))});
}

std::string add(statchan::Client& client, const Object&) {
    auto answer = of(client.add_source("another", "synth", "ports=1 fields=1 queues=0 run=0"));
    (void)client.remove_source("another");
    return answer;
}

std::string set(statchan::Client& client, const Object& object) {
    return all_of({of(client.set_source(object.source, "rate=2")),
                   of(client.set_source(object.source, "size=100"))});
}

/// An operation of the library: by transports that can do this, as far as they go this way.
struct ByClient {
    Capability capability;
    bool control;  // the client's, whatever carries its data
    WithClient run;
};

const std::map<std::string, ByClient> by_client{
    {"look at sources, schemas, channels, ledgers", {Capability::samples, true, look}},
    {"take a snapshot",
     {Capability::snapshot, false,
      [](auto& client, const auto& object) { return of(client.snapshot(object.source)); }}},
    {"live snapshot",
     {Capability::live, false,
      [](auto& client, const auto& object) { return of(client.live(object.source)); }}},
    {"samples",
     {Capability::samples, false,
      [](auto& client, const auto& object) { return of(client.subscribe(object.source)); }}},
    {"events",
     {Capability::events, false, [](auto& client, const auto&) { return of(client.events()); }}},
    {"add a source", {Capability::samples, true, add}},
    {"set sampling and parameters", {Capability::samples, true, set}},
    {"set a parameter that waits (emit)",
     {Capability::samples, true,
      [](auto& client, const auto& object) {
          return of(client.set_source(object.source, "emit=1"));
      }}},
    {"delete a source",
     {Capability::samples, true,
      [](auto& client, const auto& object) { return of(client.remove_source(object.source)); }}},
};

std::string open_file(const std::string& path, int mode) {
    const Descriptor file{::open(path.c_str(), mode | O_CLOEXEC)};
    return of_errno(file.get() < 0 ? errno : 0);
}

std::string read_text(const Object& object) {
    const auto read_of = [](const std::string& path, int mode) {
        const Descriptor file{::open(path.c_str(), mode | O_CLOEXEC)};
        char byte = 0;
        return of_errno(file.get() >= 0 && ::read(file.get(), &byte, 1) == 1 ? 0 : errno);
    };
    const auto path = "/proc/net/" STATCHAN_PROC_DIR "/" + object.source;
    return all_of({read_of(path, O_RDWR), read_of(path + "~legacy", O_RDONLY)});
}

std::string ask_of_channel(std::uint8_t command, const Object& object) {
    RawNetlink socket;
    socket.ask(command, NLM_F_ACK,
               [&](nlmsghdr* head) { mnl_attr_put_u32(head, STATCHAN_A_CHANNEL, object.channel); });
    const int err = socket.finish().error;
    // who may start it hears that it runs; who closes, that his socket has no such channel
    if (command == STATCHAN_CMD_CHANNEL_START && err == EALREADY) return "yes";
    if (command == STATCHAN_CMD_CHANNEL_CLOSE && err == ENOENT) return "no";
    return of_errno(err);
}

std::string stop_channel(const Object& object) {
    return ask_of_channel(STATCHAN_CMD_CHANNEL_STOP, object);
}

std::string start_channel(const Object& object) {
    return ask_of_channel(STATCHAN_CMD_CHANNEL_START, object);
}

std::string close_channel(const Object& object) {
    return ask_of_channel(STATCHAN_CMD_CHANNEL_CLOSE, object);
}

// Opens a channel that follows it, after which the other would end.
std::string follow_channel(const Object& object) {
    auto look = open_client("netlink");
    const auto info = look.source(object.source);
    if (!info) return info.error().message();
    if (object.by == "netlink") {
        RawNetlink socket;
        socket.ask(STATCHAN_CMD_CHANNEL_OPEN, NLM_F_ACK, [&](nlmsghdr* head) {
            mnl_attr_put_u32(head, STATCHAN_A_SOURCE, info->id);
            mnl_attr_put_u32(head, STATCHAN_A_FOLLOWS, object.channel);
        });
        return of_errno(socket.finish().error);
    }
    const Descriptor device{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};
    if (device.get() < 0) return of_errno(errno);
    auto request = channel_request(info->id, STATCHAN_T_IOCTL);
    request.follows = object.channel;
    return of_errno(::ioctl(device.get(), STATCHAN_IOC_CHANNEL_OPEN, &request) == 0 ? 0 : errno);
}

std::string calibrate(const Object&) {
    const Descriptor device{::open("/dev/statchan", O_RDWR | O_CLOEXEC)};
    statchan_calibrate step{};
    step.size = sizeof step;
    step.step = STATCHAN_CAL_CLOCK;
    step.iterations = 1;
    return of_errno(::ioctl(device.get(), STATCHAN_IOC_CALIBRATE, &step) == 0 ? 0
                    : device.get() < 0                                        ? EACCES
                                                                              : errno);
}

constexpr const char* debugfs_root = "/sys/kernel/debug";

/// While this lives all may pass through debugfs, which is root's alone: else it would be what
/// refuses, whatever the files in it do.
class DebugfsForAll {
  public:
    DebugfsForAll() {
        EXPECT_EQ(::stat(debugfs_root, &before_), 0);
        EXPECT_EQ(::chmod(debugfs_root, 0755), 0);
    }
    DebugfsForAll(const DebugfsForAll&) = delete;
    DebugfsForAll& operator=(const DebugfsForAll&) = delete;
    ~DebugfsForAll() { EXPECT_EQ(::chmod(debugfs_root, before_.st_mode & 07777), 0); }

  private:
    struct stat before_ {};
};

/// A "no" of a folder on the way would say nothing about the file.
std::string open_in_debugfs(const std::string& path, int mode) {
    struct stat file {};
    if (::stat(path.c_str(), &file) != 0) return path + " is out of reach: " + std::strerror(errno);
    return open_file(path, mode);
}

std::string open_relay_file(const Object& object) {
    return open_in_debugfs(object.relay_file, O_RDONLY);
}

std::string open_faults(const Object&) {
    return open_in_debugfs(std::string{debugfs_root} + "/statchan/faults", O_RDWR);
}

/// Operations without the library.
const std::map<std::string, std::function<std::string(const Object&)>> by_hand{
    {"read a snapshot as text", read_text},
    {"stop another's channel", stop_channel},
    {"start another's channel", start_channel},
    {"close another's channel", close_channel},
    {"take the place of another's channel", follow_channel},
    {"calibrate", calibrate},
    {"open relay's files", open_relay_file},
    {"faults switch", open_faults},
};

// ---- ways ----

/// What a transport's data go by, and what its client's control goes by.
std::string way_of(const std::string& transport, bool control) {
    static const std::map<std::string, std::string> others{{"netlink", "netlink"},
                                                           {"netlink-nl", "netlink"},
                                                           {"procfs", "procfs"},
                                                           {"relay", "debugfs"},
                                                           {"bpf", "bpf"}};
    const auto other = others.find(transport);
    if (other == others.end() || (control && other->second != "netlink")) return "device";
    return other->second;
}

std::vector<std::string> transports_by(const std::string& way, const ByClient& operation) {
    std::vector<std::string> names;
    for (const auto& transport : statchan::transports())
        if ((operation.control || transport.capabilities.has(operation.capability)) &&
            way_of(transport.name, operation.control) == way)
            names.push_back(transport.name);
    return names;
}

/// Does something as somebody. In a network of its own it has a source and a channel there.
std::string as(const Who& who, const Object& ours,
               const std::function<std::string(const Object&)>& work) {
    return in_child([&]() -> std::string {
        if (!who.become()) return "can not become that: " + std::string{std::strerror(errno)};
        if (!who.own_network) return work(ours);
        auto control = open_client("netlink");
        const auto added =
            control.add_source("own", "synth", "ports=1 fields=8 queues=0 run=0 size=8");
        if (!added) return added.error().message();
        auto answer = std::string{};
        {
            const auto stream = control.subscribe("own");
            if (!stream) return stream.error().message();
            answer = work({.source = "own",
                           .channel = stream->channel(),
                           .by = ours.by,
                           .relay_file = ours.relay_file});
        }
        (void)control.remove_source("own");
        return answer;
    });
}

using Cell = std::tuple<Row, std::string>;

std::vector<Cell> cells() {
    std::vector<Cell> all;
    for (const auto& row : table())
        for (const auto& [who, answer] : row.cells) all.emplace_back(row, who);
    return all;
}

std::string cell_name(const testing::TestParamInfo<Cell>& info) {
    const auto& [row, who] = info.param;
    auto name = row.operation + " by " + row.by + " as " + who;
    std::replace_if(
        name.begin(), name.end(), [](char c) { return std::isalnum(c) == 0; }, '_');
    return name;
}

}  // namespace

class PermissionTable : public testing::TestWithParam<Cell> {
  protected:
    const Row& row() const { return std::get<0>(GetParam()); }
    const std::string& who() const { return std::get<1>(GetParam()); }
    const DeviceMode mode{0660, device_group};
};
INSTANTIATE_TEST_SUITE_P(, PermissionTable, testing::ValuesIn(cells()), cell_name);

TEST_P(PermissionTable, Holds) {
    ASSERT_TRUE(people.contains(who())) << "nobody is called " << who();
    const auto wanted = row().cells.at(who());
    ASSERT_TRUE(wanted == "yes" || wanted == "no") << wanted;

    const auto answer = [&](const std::function<std::string(const Object&)>& work) {
        Synth synth{"size=8"};
        auto client = open_client("netlink");
        const auto stream = client.subscribe(synth.name());
        EXPECT_OK(stream);
        Object ours{.source = synth.name(), .channel = stream->channel(), .by = row().by};
        std::optional<DebugfsForAll> passable;
        std::optional<RawChannel> relay;
        if (row().by == "debugfs") {
            passable.emplace();
            relay.emplace(synth.info().id, STATCHAN_T_RELAY);
            ours.relay_file = std::string{relay->answer.path} + "/cpu0";
        }
        auto said = as(people.at(who()), ours, work);
        if (!client.source(synth.name())) synth.forget();
        return said;
    };
    if (const auto found = by_hand.find(row().operation); found != by_hand.end()) {
        EXPECT_EQ(answer(found->second), wanted);
        return;
    }
    ASSERT_TRUE(by_client.contains(row().operation)) << "nobody knows how to do that";
    const auto& operation = by_client.at(row().operation);
    const auto names = transports_by(row().by, operation);
    ASSERT_FALSE(names.empty()) << "nothing goes by " << row().by;
    for (const auto& name : names)
        EXPECT_EQ(answer([&](const Object& object) {
                      auto client = statchan::Client::open({.transport = name});
                      return client ? operation.run(*client, object) : of(client);
                  }),
                  wanted)
            << name;
}

// Each operation has a row for each way there is, and none is without a row.
TEST(PermissionTableItself, IsComplete) {
    const auto rows = table();
    const auto has = [&](const std::string& operation, const std::string& by) {
        return std::any_of(rows.begin(), rows.end(), [&](const Row& row) {
            return row.operation == operation && row.by == by;
        });
    };
    for (const auto& [name, operation] : by_client)
        for (const auto* way : {"device", "netlink", "debugfs", "bpf"})
            EXPECT_EQ(has(name, way), !transports_by(way, operation).empty())
                << name << " by " << way;
    for (const auto& [name, work] : by_hand)
        EXPECT_TRUE(std::any_of(rows.begin(), rows.end(), [&](const Row& row) {
            return row.operation == name;
        })) << name;
    for (const auto& row : rows)
        for (const auto& [who, person] : people)
            EXPECT_TRUE(row.cells.contains(who)) << row.operation << ": " << who;
}

// Outside of the device's group a namespace of one's own opens no device.
TEST(PermissionTableItself, NamespaceIsNoWayIntoTheGroup) {
    const DeviceMode mode{0660, device_group};
    for (const int flags : {CLONE_NEWUSER, CLONE_NEWUSER | CLONE_NEWNET})
        EXPECT_EQ(in_child([&]() -> std::string {
                      if (!become({}) || ::unshare(flags) != 0) return "can not become that";
                      return open_file("/dev/statchan", O_RDWR);
                  }),
                  "no");
}

// As the module makes it.
TEST(PermissionTableItself, DeviceIsRootsUntilTheAdministratorSaysOtherwise) {
    struct stat device {};
    ASSERT_EQ(::stat("/dev/statchan", &device), 0);
    EXPECT_EQ(device.st_uid, 0U);
    EXPECT_EQ(device.st_gid, 0U);
    EXPECT_EQ(device.st_mode & 07777, 0660U);
}
