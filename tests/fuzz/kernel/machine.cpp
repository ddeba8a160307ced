// SPDX-License-Identifier: MIT
#include "machine.hpp"

#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/statchan.h>
#include <poll.h>
#include <setjmp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>

#include "genl.hpp"
#include "interface.hpp"

namespace fuzz {
namespace {

constexpr std::size_t memory_size = 1U << 20U;
constexpr std::size_t page = 4096;

thread_local sigjmp_buf outside;
thread_local volatile sig_atomic_t touching = 0;

// A mapping that is not there, or not that way.
void wrong_address(int number) {
    if (touching != 0) siglongjmp(outside, 1);
    std::signal(number, SIG_DFL);
    std::raise(number);
}

void time_is_up(int) {}

// One touch of memory that may be gone.
template <class Touch>
void touch(Touch&& what) {
    if (sigsetjmp(outside, 1) == 0) {
        touching = 1;
        what();
    }
    touching = 0;
}

// While one lives, calls of this thread that wait are interrupted, again and again. Each thread has
// its own: what interrupts the process picks one thread, and the other's call may wait for ever.
class Patience {
  public:
    Patience() {
        sigevent event{};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = SIGALRM;
        event._sigev_un._tid = ::gettid();  // C library 2.36 has no other name for it
        if (::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0)
            throw std::system_error{errno, std::generic_category(), "timer_create"};
        const timespec each{.tv_sec = 0, .tv_nsec = 20'000'000};
        const itimerspec times{.it_interval = each, .it_value = each};
        ::timer_settime(timer_, 0, &times, nullptr);
    }
    Patience(const Patience&) = delete;
    Patience& operator=(const Patience&) = delete;
    ~Patience() { ::timer_delete(timer_); }

  private:
    timer_t timer_{};
};

void put(std::span<std::uint8_t> where, std::uint64_t number) {
    std::memcpy(where.data(), &number, std::min(where.size(), sizeof number));
}

template <class Ids>
void keep_newest(Ids& ids, std::uint32_t id) {
    std::rotate(ids.begin(), ids.end() - 1, ids.end());
    ids[0] = id;
}

template <class List>
std::string_view one_of(const List& list, std::uint64_t number) {
    return list[number % list.size()];
}

}  // namespace

Machine::Machine() {
    files_.fill(-1);
    // The page behind it is not there: what the kernel writes too far is seen.
    void* memory = ::mmap(nullptr, memory_size + page, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error{"no memory"};
    memory_ = static_cast<std::uint8_t*>(memory);
    ::munmap(memory_ + memory_size, page);
    void* places = ::mmap(nullptr, slots * place_size, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (places == MAP_FAILED) throw std::runtime_error{"no memory"};
    places_ = static_cast<std::uint8_t*>(places);
}

Machine::~Machine() {
    ::munmap(places_, slots * place_size);
    for (const auto fd : files_)
        if (fd >= 0) ::close(fd);
    ::munmap(memory_, memory_size);
}

void Machine::catch_signals() {
    struct sigaction action {};
    action.sa_handler = wrong_address;
    action.sa_flags = SA_NODEFER;
    ::sigaction(SIGSEGV, &action, nullptr);
    ::sigaction(SIGBUS, &action, nullptr);
    action.sa_handler = time_is_up;
    action.sa_flags = 0;  // no restart
    ::sigaction(SIGALRM, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

void Machine::clean_up() {
    const int fd = ::open("/dev/statchan", O_RDWR | O_CLOEXEC);
    for (const auto name : names) {
        statchan_source_req request{};
        request.size = sizeof request;
        std::copy(name.begin(), name.end(), request.name);
        ::ioctl(fd, STATCHAN_IOC_SOURCE_DEL, &request);
    }
    ::close(fd);
}

void Machine::run(const Program& program) {
    const Patience patience;
    for (const auto& call : program) execute(call);
}

// Calls race on the same files; the lists of what is open never grow.
void Machine::run_twice(const Program& program) {
    alone_ = false;
    std::thread other{[&] { run(program); }};
    run(program);
    other.join();
    alone_ = true;
}

void Machine::execute(const Call& call) {
    switch (call.op) {
        case Op::open_device:
            return keep_file(
                ::open("/dev/statchan", O_RDWR | O_CLOEXEC | (call.flags & O_NONBLOCK)));
        case Op::open_text:
            return open_text(call);
        case Op::open_relay:
            return open_relay(call);
        case Op::open_socket:
            return open_socket();
        case Op::ioctl:
            return ioctl(call);
        case Op::netlink:
            return netlink(call);
        case Op::receive:
            return receive(call);
        case Op::join:
            return join(call);
        case Op::set_receive_buffer:
            return set_receive_buffer(call);
        case Op::read:
            return read(call);
        case Op::pread:
            return pread(call);
        case Op::write:
            return write(call);
        case Op::poll:
            return poll(call);
        case Op::splice:
            return splice(call);
        case Op::map:
            return map(call);
        case Op::unmap:
            return unmap(call);
        case Op::protect:
            return protect(call);
        case Op::remap:
            return remap(call);
        case Op::advise:
            return advise(call);
        case Op::poke:
            return poke(call);
        case Op::peek:
            return peek(call);
        case Op::fork:
            return fork();
        case Op::duplicate:
            return keep_file(::dup(file(call)));
        case Op::close:
            return close(call);
    }
}

// ---- files ----

void Machine::keep_file(int fd) {
    if (fd < 0) return;
    auto& slot = files_[next_file_++ % slots];
    const int before = std::exchange(slot, fd);
    if (before >= 0) ::close(before);
}

void Machine::open_text(const Call& call) {
    auto path = std::string{"/proc/net/" STATCHAN_PROC_DIR "/"};
    path += one_of(names, call.values[0].number);
    if (call.values[1].number % 4 == 0) path += "~legacy";
    keep_file(
        ::open(path.c_str(), (call.flags & 1U) != 0 ? O_RDWR | O_CLOEXEC : O_RDONLY | O_CLOEXEC));
}

void Machine::open_relay(const Call& call) {
    if (relay_folder_.empty()) return;
    const auto path = relay_folder_ + "/cpu" + std::to_string(call.values[0].number % 3);
    keep_file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
    keep_file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

void Machine::close(const Call& call) {
    const int fd = std::exchange(files_[call.on % slots], -1);
    if (fd >= 0) ::close(fd);
}

void Machine::fork() {
    const auto child = ::fork();
    if (child == 0) ::_exit(0);
    if (child > 0)
        while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
        }
}

// ---- ioctl ----

std::uint64_t Machine::any_of(const std::array<std::uint32_t, slots>& ids,
                              std::uint64_t number) const {
    return ids[number % slots] != 0 ? ids[number % slots] : ids[0];
}

std::uint64_t Machine::field_value(const Field& field, const Value& value) const {
    const auto number = value.number;
    if (!value.meant) return number;
    switch (field.kind) {
        case Kind::source:
            return any_of(sources_, number);
        case Kind::channel:
            return number % 2 == 0 ? 0 : any_of(channels_, number);
        case Kind::choice:
            return number % (field.limit + 2);
        case Kind::flags:
            return number & field.limit;
        case Kind::buffer:  // up to its end, which nothing follows
            return reinterpret_cast<std::uintptr_t>(memory_ + memory_size - 8 * (number % 8192));
        case Kind::length:
            return 8 * (number % 8192);
        case Kind::count:
            return number % 16;
        case Kind::time:
            return number % 3 == 0 ? 0 : number % 4 == 0 ? ~0ULL : number % 50'000'000;
        case Kind::bytes:
            return number % 5 == 0 ? 0 : 1ULL << (number % 18U);
        default:
            return 0;
    }
}

void Machine::ioctl(const Call& call) {
    const auto& what = ioctls()[call.which % ioctls().size()];
    std::array<std::uint8_t, 4096> bytes{};
    static constexpr std::size_t text_room = STATCHAN_NAME_MAX;
    for (std::size_t i = 0; i < what.fields.size(); ++i) {
        const auto& field = what.fields[i];
        const auto& value = call.values[i % Call::n_values];
        const auto place = std::span{bytes}.subspan(field.offset, field.size);
        if (field.kind == Kind::size) {
            put(place, value.meant ? what.size : value.number % bytes.size());
        } else if (field.kind == Kind::name || field.kind == Kind::kind) {
            const auto text = one_of(field.kind == Kind::name ? names : kinds, value.number);
            std::copy_n(text.begin(), std::min(text.size(), text_room), place.begin());
            if (!value.meant) std::fill(place.begin(), place.end(), 'x');  // without its end
        } else if (field.kind == Kind::params) {
            const auto text = one_of(params, value.number);
            auto* at = memory_ + memory_size - text.size() - 1;
            std::copy(text.begin(), text.end(), at);
            at[text.size()] = 0;
            put(place, value.meant ? reinterpret_cast<std::uintptr_t>(at) : value.number);
        } else {
            put(place, field_value(field, value));
        }
    }
    if (::ioctl(file(call), what.request, bytes.data()) < 0) return;
    for (const auto& field : what.fields)
        if (field.answers)
            learn(field, std::span{bytes},
                  what.request == STATCHAN_IOC_CHANNEL_OPEN ||
                      what.request == STATCHAN_IOC_CHANNEL_NEXT);
}

void Machine::learn(const Field& field, std::span<const std::uint8_t> answer, bool is_channel) {
    std::uint32_t id = 0;
    std::memcpy(&id, &answer[field.offset], sizeof id);
    keep_newest(is_channel ? channels_ : sources_, id);
    statchan_channel_req channel;
    if (!is_channel || answer.size() < sizeof channel) return;
    std::memcpy(&channel, answer.data(), sizeof channel);
    if (channel.ring_stride != 0) stride_ = channel.ring_stride;
    if (channel.path[0] == '/')
        relay_folder_.assign(channel.path, ::strnlen(channel.path, sizeof channel.path));
}

// ---- generic netlink ----

void Machine::open_socket() {
    const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_GENERIC);
    const int on = 1;
    ::setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    ::setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
    keep_file(fd);
}

void Machine::put_attribute(std::vector<std::uint8_t>& message, const Attribute& attribute,
                            const Value& value, const Call& call) const {
    if (attribute.nest) {
        std::vector<std::uint8_t> inside;
        for (std::size_t i = 0; i < config_attributes().size(); ++i)
            if ((call.flags >> (8 + i) & 1U) != 0)
                put_attribute(inside, config_attributes()[i], call.values[8 + i], call);
        genl_put(message, attribute.type | (value.meant ? NLA_F_NESTED : 0), inside);
        return;
    }
    if (attribute.size == 0) {
        const auto text = attribute.kind == Kind::params ? one_of(params, value.number)
                          : attribute.kind == Kind::kind ? one_of(kinds, value.number)
                                                         : one_of(names, value.number);
        std::vector<std::uint8_t> bytes{text.begin(), text.end()};
        if (value.meant) bytes.push_back(0);
        genl_put(message, attribute.type, bytes);
        return;
    }
    std::array<std::uint8_t, 16> bytes{};
    put(bytes, field_value({0, attribute.size, attribute.kind, attribute.limit}, value));
    const auto size = value.meant ? attribute.size : value.number % bytes.size();
    genl_put(message, attribute.type, std::span{bytes}.first(size));
}

void Machine::netlink(const Call& call) {
    const auto& command = commands()[call.which % commands().size()];
    const bool dump = (call.values[Call::n_values - 1].number & 1U) != 0;
    auto message = genl_begin(command.number, dump);
    for (std::size_t i = 0; i < command.attributes.size(); ++i)
        if ((call.flags >> i & 1U) != 0)
            put_attribute(message, command.attributes[i], call.values[i], call);
    genl_end(message);
    ::send(file(call), message.data(), message.size(), 0);
}

void Machine::receive(const Call& call) {
    std::vector<std::uint8_t> answer((call.values[0].number % 5) * 8192 + 64);
    const auto got = ::recv(file(call), answer.data(), answer.size(), MSG_DONTWAIT);
    if (got <= 0) return;
    answer.resize(static_cast<std::size_t>(got));
    if (const auto id = genl_u32(answer, STATCHAN_A_CHANNEL)) keep_newest(channels_, *id);
    if (const auto id = genl_u32(answer, STATCHAN_A_SOURCE)) keep_newest(sources_, *id);
}

void Machine::join(const Call& call) {
    const auto& groups = genl_groups();
    const int group = call.values[0].meant ? groups[call.values[0].number % groups.size()]
                                           : static_cast<int>(call.values[0].number);
    ::setsockopt(file(call), SOL_NETLINK,
                 (call.flags & 1U) != 0 ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP, &group,
                 sizeof group);
}

void Machine::set_receive_buffer(const Call& call) {
    const int bytes = static_cast<int>(call.values[0].number % 8192);
    ::setsockopt(file(call), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

// ---- reading and writing ----

void Machine::read(const Call& call) {
    (void)!::read(file(call), memory_, call.values[0].number % memory_size);
}

void Machine::pread(const Call& call) {
    const auto& offset = call.values[1];
    (void)!::pread(file(call), memory_, call.values[0].number % memory_size,
                   static_cast<off_t>(offset.meant ? 8 * offset.number % 65536 : offset.number));
}

// What procfs understands, mostly.
void Machine::write(const Call& call) {
    static const std::vector<std::string_view> texts{"generation 1", "max_age 1000000000", "digest",
                                                     "source 1",     "digest max_age 0",   "",
                                                     "generation",   "max_age -1",         "\n"};
    const auto text = one_of(texts, call.values[0].number);
    (void)!::write(file(call), text.data(), text.size());
}

void Machine::poll(const Call& call) {
    pollfd wanted{.fd = file(call), .events = POLLIN | POLLOUT, .revents = 0};
    ::poll(&wanted, 1, static_cast<int>(call.values[0].number % 3));
}

void Machine::splice(const Call& call) {
    int ends[2];
    if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return;
    ::splice(file(call), nullptr, ends[1], nullptr, call.values[0].number % 65536,
             SPLICE_F_NONBLOCK);
    ::close(ends[0]);
    ::close(ends[1]);
}

// ---- mappings ----

void Machine::reserve(std::uint8_t* begin, std::size_t length) {
    ::mmap(begin, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
           0);
}

// Lengths that don't fit a place.
void Machine::map_anywhere(int fd, std::size_t bytes, int protection, std::uint64_t offset) {
    void* begin = ::mmap(nullptr, bytes, protection, MAP_SHARED, fd, static_cast<off_t>(offset));
    if (begin != MAP_FAILED) ::munmap(begin, bytes);
}

void Machine::map(const Call& call) {
    const std::array<std::uint64_t, 7> offsets{
        STATCHAN_MMAP_RING,           STATCHAN_MMAP_RING + page,
        STATCHAN_MMAP_RING + stride_, STATCHAN_MMAP_RING + stride_ + page,
        STATCHAN_MMAP_SNAPSHOT,       STATCHAN_MMAP_LIVE,
        STATCHAN_MMAP_CALIBRATE};
    const auto& [offset, length, sharing, where] =
        std::tie(call.values[0], call.values[1], call.values[2], call.values[3]);
    const auto bytes = length.meant ? page << (length.number % 6) : length.number;
    const auto from =
        offset.meant ? offsets[offset.number % offsets.size()] : offset.number & ~(page - 1);
    const auto protection = static_cast<int>(call.flags & 7U);
    if (bytes > place_size || bytes == 0) return map_anywhere(file(call), bytes, protection, from);
    auto* begin = place(where.number);
    if (::mmap(begin, bytes, protection, (sharing.meant ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED,
               file(call), static_cast<off_t>(from)) == MAP_FAILED)
        reserve(begin, bytes);  // what was there is gone, or is not
}

// Any part of it, also the middle.
void Machine::unmap(const Call& call) const {
    reserve(place(call.on) + page * (call.values[0].number % 64),
            page * (1 + call.values[1].number % 64));
}

void Machine::protect(const Call& call) const {
    ::mprotect(place(call.on), page * (1 + call.values[0].number % 64),
               static_cast<int>(call.flags & 7U));
}

// Grown, shrunk, moved. The place that it leaves is nobody's for a moment, so only when no other
// thread may be given it.
void Machine::remap(const Call& call) const {
    if (!alone_) return;
    const auto before = page * (1 + call.values[0].number % 64);
    const auto after = page * (1 + call.values[1].number % 64);
    auto* from = place(call.on);
    auto* to = place(call.on + 1);
    if (::mremap(from, before, after, MREMAP_MAYMOVE | MREMAP_FIXED, to) != MAP_FAILED)
        reserve(from, before);
}

void Machine::advise(const Call& call) const {
    static constexpr std::array advices{MADV_DONTNEED,     MADV_WILLNEED, MADV_DONTFORK,
                                        MADV_DOFORK,       MADV_REMOVE,   MADV_COLD,
                                        MADV_POPULATE_READ};
    ::madvise(place(call.on), page * (1 + call.values[1].number % 64),
              advices[call.values[0].number % advices.size()]);
}

// A forged position, as a rule: the consumer's is the first word.
void Machine::poke(const Call& call) const {
    auto* word =
        reinterpret_cast<volatile std::uint64_t*>(place(call.on)) + call.values[1].number % 8;
    touch([&] { *word = call.values[0].number; });
}

void Machine::peek(const Call& call) const {
    const volatile auto* byte = place(call.on) + call.values[0].number % place_size;
    touch([&] { (void)*byte; });
}

}  // namespace fuzz
