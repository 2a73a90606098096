//! The same stories over every backend.

use opsmith_sandbox::{Backend, Enforcement, Preference};
use testkit::docker::Daemon;

use crate::world::{World, docker};
use crate::{network, outcome, survivors, walls};

macro_rules! tell {
    ($world:expr, $($story:path),+ $(,)?) => {
        $(
            println!("{} on {}", stringify!($story), $world.backend());
            $story($world).await;
        )+
    };
}

async fn every_story(world: &World) {
    tell!(
        world,
        outcome::an_exit_is_reported_as_it_was,
        outcome::a_program_that_is_nowhere_is_said,
        outcome::input_is_fed_to_its_end,
        outcome::a_gigabyte_of_output_is_counted_and_dropped,
        outcome::a_command_that_ignores_sigterm_is_killed_at_its_time_limit,
        outcome::a_command_that_obeys_sigterm_ends_in_its_own_way,
        outcome::a_command_over_its_memory_is_killed,
        outcome::a_fork_bomb_is_held_to_its_count,
        outcome::a_busy_command_is_held_to_its_share,
        outcome::a_file_over_its_size_ends_the_writer,
        walls::of_the_hosts_environment_only_the_list_passes,
        walls::its_own_folders_are_writable,
        walls::what_is_listed_is_as_listed,
        walls::nothing_else_is_read,
        walls::nothing_else_is_written,
        walls::the_kernels_settings_are_not_written,
        walls::the_environment_of_others_is_not_read,
        walls::root_has_no_special_rights,
        network::off_is_off,
        network::only_what_is_listed_is_reached,
        survivors::of_a_normal_exit,
        survivors::of_a_cancelled_command,
        survivors::of_a_dropped_run,
        survivors::of_a_killed_opsmith,
    );
}

#[tokio::test]
async fn local() {
    let world = World::of(Preference::Local, None).await.unwrap();
    let walls = world.sandbox.walls();
    assert_eq!(walls.backend, Backend::Local);
    let open = [walls.files_read, walls.files_written, walls.network_off, walls.network_listed, walls.privileges];
    assert_eq!(open, [Enforcement::None; 5], "a local command has no walls, and that is said");
    every_story(&world).await;
}

#[tokio::test]
async fn bubblewrap() {
    match World::of(Preference::Bubblewrap, None).await {
        Ok(world) => every_story(&world).await,
        Err(error) => println!("skipped: {error}"),
    }
}

#[tokio::test]
async fn container() {
    let daemon = match Daemon::start() {
        Ok(daemon) => daemon,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let world = World::of(Preference::Container, Some(docker(&daemon, "test"))).await.unwrap();
    every_story(&world).await;
    assert_eq!(daemon.containers(), 0, "every container is removed");
    survivors::sweep_removes_what_this_owner_left(&world, &daemon).await;
}
