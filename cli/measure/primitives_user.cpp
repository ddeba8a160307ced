// SPDX-License-Identifier: MIT
//
// What user space can measure alone, on any machine.
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <numeric>
#include <random>
#include <vector>

#include "measure/experiment.hpp"

#ifdef __x86_64__
#include <x86intrin.h>
#endif

namespace statctl::measure {

namespace {

std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

// Anonymous memory of pages of the smallest size; nothing is there until it is touched.
class Pages {
  public:
    explicit Pages(std::size_t pages) : size_{pages * page_size()} {
        at_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at_ != MAP_FAILED) ::madvise(at_, size_, MADV_NOHUGEPAGE);
    }
    Pages(const Pages&) = delete;
    Pages& operator=(const Pages&) = delete;
    ~Pages() {
        if (good()) ::munmap(at_, size_);
    }
    [[nodiscard]] bool good() const noexcept { return at_ != MAP_FAILED; }
    [[nodiscard]] char* at(std::size_t offset) const noexcept {
        return static_cast<char*>(at_) + offset;
    }

  private:
    std::size_t size_;
    void* at_;
};

// Nanoseconds of one, of a loop over @p once.
template <class Once>
Batch loop(Once once) {
    return [once](std::uint64_t times) -> Cost {
        const Stopwatch watch;
        for (std::uint64_t i = 0; i < times; ++i) once();
        return watch.ns() / static_cast<double>(times);
    };
}

// ---- clock, system call, copy

Prepared prepare_clock(std::uint64_t /*bytes*/) {
    return loop([] {
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        use(&now);
    });
}

// The same kind of file that kernel/calibrate.c reads, so that the two can be compared.
std::shared_ptr<Fd> empty_file() {
    return std::make_shared<Fd>(::memfd_create("statctl-calibrate", MFD_CLOEXEC));
}

void read_nothing(const Fd& file) {
    char none = 0;
    [[maybe_unused]] const auto got = ::read(file.get(), &none, 0);
}

Prepared prepare_read(std::uint64_t /*bytes*/) {
    auto file = empty_file();
    if (!*file) return failed("memfd_create");
    return loop([file] { read_nothing(*file); });
}

Prepared prepare_read_cycles(std::uint64_t /*bytes*/) {
#ifdef __x86_64__
    auto file = empty_file();
    if (!*file) return failed("memfd_create");
    return [file](std::uint64_t times) -> Cost {
        const auto begin = __rdtsc();
        for (std::uint64_t i = 0; i < times; ++i) read_nothing(*file);
        return static_cast<double>(__rdtsc() - begin) / static_cast<double>(times);
    };
#else
    return tl::unexpected<std::string>("this machine has no time stamp counter that we know");
#endif
}

Prepared prepare_memcpy(std::uint64_t bytes) {
    // not zero: memory never written to is all the same page
    const auto from = std::make_shared<std::vector<char>>(bytes, 1);
    const auto to = std::make_shared<std::vector<char>>(bytes, 2);
    return [from, to, bytes](std::uint64_t times) -> Cost {
        const Stopwatch watch;
        for (std::uint64_t i = 0; i < times; ++i) {
            use(from->data());
            std::memcpy(to->data(), from->data(), bytes);
            use(to->data());
        }
        return watch.ns() / static_cast<double>(times) / static_cast<double>(bytes);
    };
}

// ---- pages

constexpr std::size_t some_pages = 256;

// Only the touching is timed, not the making and the removal of the mapping.
Cost touch_fresh_pages(std::uint64_t times) {
    double ns = 0;
    for (auto left = times; left > 0;) {
        const auto pages = std::min<std::uint64_t>(left, some_pages);
        const Pages fresh{pages};
        if (!fresh.good()) return failed("mmap");
        const Stopwatch watch;
        for (std::size_t i = 0; i < pages; ++i) *fresh.at(i * page_size()) = 1;
        use(fresh.at(0));
        ns += watch.ns();
        left -= pages;
    }
    return ns / static_cast<double>(times);
}

Prepared prepare_page_fault(std::uint64_t /*bytes*/) { return Batch{touch_fresh_pages}; }

Prepared prepare_page_copy(std::uint64_t /*bytes*/) {
    const auto page = page_size();
    const auto memory = std::make_shared<Pages>(2 * some_pages);
    if (!memory->good()) return failed("mmap");
    std::memset(memory->at(0), 1, 2 * some_pages * page);
    return [memory, page](std::uint64_t times) -> Cost {
        const Stopwatch watch;
        for (std::uint64_t i = 0; i < times; ++i) {
            const auto at = i % some_pages * page;
            std::memcpy(memory->at(some_pages * page + at), memory->at(at), page);
            use(memory->at(0));
        }
        return watch.ns() / static_cast<double>(times);
    };
}

// ---- what it costs that memory is mapped by small pages

// A ring of pointers through all places, in a random order that no prefetcher knows.
char* chain(const std::vector<char*>& places) {
    std::vector<std::size_t> order(places.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), std::minstd_rand{1});
    for (std::size_t i = 0; i < order.size(); ++i) {
        char* const next = places[order[(i + 1) % order.size()]];
        std::memcpy(places[order[i]], &next, sizeof next);
    }
    return places[order.front()];
}

double ns_per_step(char* at, std::uint64_t steps) {
    const Stopwatch watch;
    // cppcheck-suppress pointerSize ; where one place ends is the address of the next
    for (std::uint64_t i = 0; i < steps; ++i) std::memcpy(&at, at, sizeof(char*));
    use(at);
    return watch.ns() / static_cast<double>(steps);
}

// As many cache lines both times, so that the caches hold them equally well.
Prepared prepare_tlb(std::uint64_t bytes) {
    constexpr std::size_t line = 64;
    const auto page = page_size();
    const auto pages = bytes / page;
    const auto spread = std::make_shared<Pages>(pages);
    const auto dense = std::make_shared<Pages>(pages * line / page);
    if (!spread->good() || !dense->good()) return failed("mmap");
    std::vector<char*> far, near;
    for (std::size_t i = 0; i < pages; ++i) {
        far.push_back(spread->at(i * page + i * line % page));
        near.push_back(dense->at(i * line));
    }
    return [spread, dense, far = chain(far), near = chain(near)](std::uint64_t times) -> Cost {
        const auto mapped = ns_per_step(far, times);
        return mapped - ns_per_step(near, times);
    };
}

// ---- netlink

struct FamilyRequest {
    nlmsghdr head{};
    genlmsghdr generic{};
    nlattr name_head{};
    std::array<char, 8> name{'n', 'l', 'c', 't', 'r', 'l'};
};

Prepared prepare_netlink(std::uint64_t /*bytes*/) {
    auto socket =
        std::make_shared<Fd>(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC));
    if (!*socket) return failed("a netlink socket");
    FamilyRequest request;
    request.head = {.nlmsg_len = sizeof request,
                    .nlmsg_type = GENL_ID_CTRL,
                    .nlmsg_flags = NLM_F_REQUEST,
                    .nlmsg_seq = 1,
                    .nlmsg_pid = 0};
    request.generic = {.cmd = CTRL_CMD_GETFAMILY, .version = 1, .reserved = 0};
    request.name_head = {.nla_len = NLA_HDRLEN + sizeof "nlctrl",
                         .nla_type = CTRL_ATTR_FAMILY_NAME};
    return [socket, request](std::uint64_t times) -> Cost {
        alignas(nlmsghdr) std::array<char, 8192> answer{};
        const Stopwatch watch;
        for (std::uint64_t i = 0; i < times; ++i) {
            if (::send(socket->get(), &request, sizeof request, 0) < 0) return failed("netlink");
            if (::recv(socket->get(), answer.data(), answer.size(), 0) < 0)
                return failed("netlink");
        }
        const auto ns = watch.ns();
        nlmsghdr head{};
        std::memcpy(&head, answer.data(), sizeof head);
        if (head.nlmsg_type != GENL_ID_CTRL)
            return tl::unexpected<std::string>("generic netlink does not know its own family");
        return ns / static_cast<double>(times);
    };
}

// ----

// 8192 pages are more than the translation caches of today's processors hold.
constexpr std::uint64_t tlb_bytes[] = {32 << 20};

constexpr std::array in_user_space{
    Experiment{"clock.user", "ns", "clock_gettime(CLOCK_MONOTONIC)", no_size, prepare_clock},
    Experiment{"syscall.user.read", "ns", "read() of 0 bytes from an empty memfd", no_size,
               prepare_read},
    Experiment{"syscall.user.read.cycles", "cycles", "the same in cycles of the time stamp counter",
               no_size, prepare_read_cycles},
    Experiment{"memcpy.user", "ns/B", "memcpy() between two buffers, again and again", copy_sizes,
               prepare_memcpy},
    Experiment{"page.fault", "ns/page", "first write to fresh anonymous memory", no_size,
               prepare_page_fault},
    Experiment{"page.copy", "ns/page", "memcpy() of a page, 256 pages in turn", no_size,
               prepare_page_copy},
    Experiment{"tlb.mapping", "ns",
               "a touch of any page, less one of as many cache lines side by side", tlb_bytes,
               prepare_tlb},
    Experiment{"context.switch", "ns", "half of a round trip through pipes, two threads on one CPU",
               no_size, prepare_context_switch},
    Experiment{"wakeup.eventfd", "ns",
               "half of a round trip, threads on two CPUs that sleep in read()", no_size,
               prepare_wakeup_eventfd},
    Experiment{"wakeup.poll", "ns", "the same, asleep in poll(), then read()", no_size,
               prepare_wakeup_poll},
    Experiment{"netlink.roundtrip", "ns", "CTRL_CMD_GETFAMILY of nlctrl: request and answer",
               no_size, prepare_netlink},
};

}  // namespace

std::span<const Experiment> user_experiments() { return in_user_space; }

}  // namespace statctl::measure
