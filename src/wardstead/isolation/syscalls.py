"""System calls by name: their numbers, which a model server may make, and which end it at once.

Numbers: Linux ``arch/x86/entry/syscalls/syscall_64.tbl`` and ``include/uapi/asm-generic/unistd.h`` (aarch64). A call that is
in neither ``ALLOWED``, ``CONDITIONAL`` nor ``FATAL`` is refused with an error number; see ``seccomp.py``.
"""

from __future__ import annotations

from typing import Literal

Machine = Literal["x86_64", "aarch64"]

# name:x86_64:aarch64, a dash where the machine has no such call.
_TABLE = """
_sysctl:156:- accept:43:202 accept4:288:242 access:21:- acct:163:89 add_key:248:217 adjtimex:159:171 alarm:37:-
arch_prctl:158:- bind:49:200 bpf:321:280 brk:12:214 cachestat:451:451 capget:125:90 chdir:80:49 chroot:161:51
clock_adjtime:305:266 clock_getres:229:114 clock_gettime:228:113 clock_nanosleep:230:115 clock_settime:227:112 clone:56:220
clone3:435:435 close:3:57 close_range:436:436 connect:42:203 copy_file_range:326:285 creat:85:- create_module:174:-
delete_module:176:106 dup:32:23 dup2:33:- dup3:292:24 epoll_create:213:- epoll_create1:291:20 epoll_ctl:233:21
epoll_ctl_old:214:- epoll_pwait:281:22 epoll_pwait2:441:441 epoll_wait:232:- eventfd:284:- eventfd2:290:19 execve:59:221
execveat:322:281 exit:60:93 exit_group:231:94 faccessat:269:48 faccessat2:439:439 fadvise64:221:223 fanotify_init:300:262
fchdir:81:50 fcntl:72:25 fdatasync:75:83 finit_module:313:273 flock:73:32 fork:57:- fsconfig:431:431 fsmount:432:432
fsopen:430:430 fspick:433:433 fstat:5:80 fstatfs:138:44 fsync:74:82 ftruncate:77:46 futex:202:98 futex_requeue:456:456
futex_wait:455:455 futex_waitv:449:449 futex_wake:454:454 get_kernel_syms:177:- get_mempolicy:239:236 get_robust_list:274:100
getcpu:309:168 getcwd:79:17 getdents:78:- getdents64:217:61 getegid:108:177 geteuid:107:175 getgid:104:176 getgroups:115:158
getitimer:36:102 getpeername:52:205 getpgid:121:155 getpgrp:111:- getpid:39:172 getppid:110:173 getpriority:140:141
getrandom:318:278 getresgid:120:150 getresuid:118:148 getrlimit:97:163 getrusage:98:165 getsid:124:156 getsockname:51:204
getsockopt:55:209 gettid:186:178 gettimeofday:96:169 getuid:102:174 init_module:175:105 io_uring_enter:426:426
io_uring_register:427:427 io_uring_setup:425:425 ioctl:16:29 ioperm:173:- iopl:172:- kcmp:312:272 kexec_file_load:320:294
kexec_load:246:104 keyctl:250:219 kill:62:129 listen:50:201 listmount:458:458 lookup_dcookie:212:18 lseek:8:62 lstat:6:-
madvise:28:233 membarrier:324:283 memfd_create:319:279 memfd_secret:447:447 mincore:27:232 mlock:149:228 mlock2:325:284
mmap:9:222 modify_ldt:154:- mount:165:40 mount_setattr:442:442 move_mount:429:429 mprotect:10:226 mremap:25:216 mseal:462:462
msync:26:227 munlock:150:229 munmap:11:215 nanosleep:35:101 newfstatat:262:79 nfsservctl:180:42 open:2:-
open_by_handle_at:304:265 open_tree:428:428 openat:257:56 openat2:437:437 pause:34:- perf_event_open:298:241
pidfd_getfd:438:438 pipe:22:- pipe2:293:59 pivot_root:155:41 poll:7:- ppoll:271:73 prctl:157:167 pread64:17:67 preadv:295:69
preadv2:327:286 prlimit64:302:261 process_vm_readv:310:270 process_vm_writev:311:271 pselect6:270:72 ptrace:101:117
pwrite64:18:68 pwritev:296:70 pwritev2:328:287 query_module:178:- quotactl:179:60 quotactl_fd:443:443 read:0:63
readahead:187:213 readlink:89:- readlinkat:267:78 readv:19:65 reboot:169:142 recvfrom:45:207 recvmmsg:299:243 recvmsg:47:212
request_key:249:218 restart_syscall:219:128 rseq:334:293 rt_sigaction:13:134 rt_sigpending:127:136 rt_sigprocmask:14:135
rt_sigqueueinfo:129:138 rt_sigreturn:15:139 rt_sigsuspend:130:133 rt_sigtimedwait:128:137 sched_get_priority_max:146:125
sched_get_priority_min:147:126 sched_getaffinity:204:123 sched_getparam:143:121 sched_getscheduler:145:120
sched_setaffinity:203:122 sched_setscheduler:144:119 sched_yield:24:124 seccomp:317:277 select:23:- sendfile:40:71
sendmmsg:307:269 sendmsg:46:211 sendto:44:206 set_robust_list:273:99 set_tid_address:218:96 setdomainname:171:162
setgroups:116:159 sethostname:170:161 setitimer:38:103 setns:308:268 setpgid:109:154 setpriority:141:140 setresgid:119:149
setresuid:117:147
setrlimit:160:164 setsid:112:157 setsockopt:54:208 settimeofday:164:170 shutdown:48:210 sigaltstack:131:132 signalfd:282:-
signalfd4:289:74 socket:41:198 socketpair:53:199 splice:275:76 stat:4:- statfs:137:43 statmount:457:457 statx:332:291
swapoff:168:225 swapon:167:224 sysinfo:99:179 syslog:103:116 tee:276:77 tgkill:234:131 time:201:- timer_create:222:107
timer_delete:226:111 timer_getoverrun:225:109 timer_gettime:224:108 timer_settime:223:110 timerfd_create:283:85
timerfd_gettime:287:87 timerfd_settime:286:86 times:100:153 tkill:200:130 umask:95:166 umount2:166:39 uname:63:160 unlink:87:-
unlinkat:263:35 unshare:272:97 uselib:134:- userfaultfd:323:282 vfork:58:- vhangup:153:58 wait4:61:260 waitid:247:95
write:1:64 writev:20:66
"""

# What a threaded Python and llama.cpp need: memory, threads, time, reading files, unix sockets, starting the probe.
# Absent on purpose: link, symlink, rename, mkdir, mknod, chmod, chown (the socket directory is on the host's file system, and
# the gateway must be able to trust what a path in it is), and whatever writes extended attributes.
ALLOWED = frozenset(
    """
read write close fstat lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait
rt_sigsuspend rt_sigqueueinfo sigaltstack pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 pipe pipe2 select
pselect6 poll ppoll epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2
timerfd_create timerfd_settime timerfd_gettime signalfd signalfd4 sched_yield mremap msync mincore madvise dup dup2 dup3 pause
nanosleep clock_nanosleep getitimer setitimer alarm getpid getppid gettid getuid geteuid getgid getegid getgroups getresuid
getresgid setresuid setresgid setgroups getpgrp getpgid getsid setsid setpgid connect accept accept4 sendto recvfrom sendmsg
recvmsg sendmmsg recvmmsg shutdown bind listen getsockname getpeername socketpair setsockopt getsockopt fork vfork execve
execveat exit exit_group wait4 waitid kill tkill tgkill uname fcntl flock fsync fdatasync ftruncate getdents getdents64 getcwd
chdir fchdir stat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat statfs fstatfs unlink unlinkat umask
gettimeofday time times clock_gettime clock_getres getrusage sysinfo getrlimit setrlimit prlimit64 arch_prctl set_tid_address
set_robust_list get_robust_list futex futex_waitv futex_wake futex_wait futex_requeue sched_getaffinity sched_setaffinity
sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min sched_setscheduler getpriority setpriority
getcpu restart_syscall fadvise64 readahead getrandom memfd_create rseq membarrier mlock munlock mlock2 close_range
copy_file_range sendfile splice tee capget timer_create timer_settime timer_gettime timer_delete timer_getoverrun
get_mempolicy mseal cachestat
""".split()  # noqa: SIM905 -- a list this long is read as words
)

# Allowed, or refused, by their arguments or by who asks (``seccomp.py``).
CONDITIONAL = frozenset("socket clone clone3 prctl ioctl open openat openat2 creat seccomp".split())  # noqa: SIM905

# No honest model server makes these. The process ends, and the end is visible: the supervisor restarts it and says so.
FATAL = frozenset(
    """
ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd keyctl add_key request_key mount umount2 move_mount open_tree
fsopen fsconfig fsmount fspick mount_setattr pivot_root chroot unshare setns bpf perf_event_open io_uring_setup io_uring_enter
io_uring_register userfaultfd kexec_load kexec_file_load init_module finit_module delete_module open_by_handle_at reboot
swapon swapoff acct quotactl quotactl_fd settimeofday clock_settime adjtimex clock_adjtime sethostname setdomainname iopl
ioperm syslog lookup_dcookie nfsservctl modify_ldt fanotify_init memfd_secret uselib query_module create_module
get_kernel_syms _sysctl vhangup statmount listmount
""".split()  # noqa: SIM905 -- a list this long is read as words
)

# What a process needs that has everything it will ever read but what comes through its pipes: it computes, and answers. No file,
# socket, process or thread can be made; of descriptors, only those that are open.
COMPUTING = frozenset(
    """
read write readv writev close fstat lseek poll ppoll select pselect6 mmap munmap mremap mprotect brk madvise futex sched_yield
rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack exit exit_group getpid getppid gettid tgkill clock_gettime clock_getres
clock_nanosleep gettimeofday time nanosleep restart_syscall getrandom getrusage sched_getaffinity getcpu rseq membarrier
set_robust_list fcntl
""".split()  # noqa: SIM905 -- a list this long is read as words
)

HIGHEST_KNOWN = 462
"""The newest call in the kernel headers that these tables were made from (``mseal``, Linux 6.10)."""


def _column(index: int) -> dict[str, int]:
    cells = (cell.split(":") for cell in _TABLE.split())
    return {cell[0]: int(cell[index]) for cell in cells if cell[index] != "-"}


NUMBERS: dict[Machine, dict[str, int]] = {"x86_64": _column(1), "aarch64": _column(2)}
"""The number of each call on each machine; a call the machine lacks is absent."""
